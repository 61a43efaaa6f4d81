import { describe, expect, it } from 'vitest';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { circuitTracerGraph } from '../../src/residue/circuit-tracer.js';
import { generateResidue } from '../helpers/residue-generator.js';

const text = { type: 'string' };
const texts = { type: 'array', items: text };
const object = (properties: Record<string, object>, optional: readonly string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
});

/** The fields of circuit-tracer's graph_models.py (Metadata, QParams, Node, and links). */
const schema = object({
  metadata: object({
    slug: text,
    scan: text,
    transcoder_list: texts,
    prompt_tokens: texts,
    prompt: text,
    node_threshold: { type: 'number' },
  }),
  qParams: object({ pinnedIds: texts, supernodes: { type: 'array', items: texts }, linkType: text, clickedId: text, sg_pos: text }),
  nodes: {
    type: 'array',
    items: object({
      node_id: text,
      feature: { type: 'integer' },
      layer: text,
      ctx_idx: { type: 'integer', minimum: 0 },
      feature_type: { enum: ['embedding', 'cross layer transcoder', 'logit'] },
      token_prob: { type: 'number', minimum: 0, maximum: 1.000001 },
      is_target_logit: { type: 'boolean' },
      run_idx: { type: 'integer' },
      reverse_ctx_idx: { type: 'integer' },
      jsNodeId: text,
      clerp: text,
      influence: { type: ['number', 'null'], minimum: 0, maximum: 1 },
      activation: { type: ['number', 'null'] },
    }),
  },
  links: { type: 'array', items: object({ source: text, target: text, weight: { type: 'number' } }) },
});
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);

describe("an attribution graph in circuit-tracer's JSON", () => {
  it.each([1, 2, 3])('has the fields that its viewer reads, every token as a node, and links between nodes (seed %d)', (seed) => {
    const residue = generateResidue({ seed });
    const run = residue.runs[residue.primary]!;
    const graph = circuitTracerGraph(residue, run);
    expect(validate(JSON.parse(JSON.stringify(graph))), JSON.stringify(validate.errors)).toBe(true);
    const ids = new Set(graph.nodes.map(({ node_id }) => node_id));
    expect(ids.size).toBe(graph.nodes.length);
    for (const { source, target } of graph.links) expect([ids.has(source), ids.has(target)]).toEqual([true, true]);
    expect(
      graph.nodes
        .filter(({ feature_type }) => feature_type === 'embedding')
        .map(({ ctx_idx }) => ctx_idx)
        .sort((a, b) => a - b),
    ).toEqual(run.tokens.map((_, i) => i));
    const targets = graph.nodes.filter(({ is_target_logit }) => is_target_logit);
    expect(targets).toHaveLength(1);
    expect(targets[0]!.feature).toBe(run.scores!.answer.ids[0]);
  });

  it('is refused for a run that has no graph, in a sentence that says how to get one', () => {
    const residue = generateResidue({ seed: 1 });
    const run = residue.runs[residue.primary]!;
    delete run.graph;
    expect(() => circuitTracerGraph(residue, run)).toThrow(/has no attribution graph: make one with `residue graph`/);
  });
});
