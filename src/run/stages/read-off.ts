import { identityChecks } from '../checks.js';
import { lensMap } from '../map.js';
import { collapseSection, observe } from '../observe.js';
import { rolloutSection } from '../rollout.js';
import { sourceSpan } from '../patterns.js';
import type { Stage } from '../stage.js';

/** Everything that is read off a trace: collapse point, attribution, attention, flow, lens map, words almost said, identity checks. */
export const readOff: Stage = {
  name: 'read-off',
  label: 'attribution and lens',
  on: 'traced',
  fills: ['collapse', 'attribution', 'attention', 'salience', 'map', 'almostSaid', 'checks'],
  async run({ model, shell, subject, control, residue, seed, signal }) {
    const traced = await subject.traced();
    const { trace, prompt } = subject;
    const scores = trace.scores!;
    trace.collapse = await collapseSection(model, traced, scores, trace.lens!.margin, control?.trace.lens?.margin ?? null, seed);
    const { attribution, attention, direct, flows, almostSaid } = await observe(model, traced, scores, signal);
    const span = sourceSpan(shell, prompt.spans);
    trace.attribution = attribution;
    trace.attention = { ...attention!, rollout: rolloutSection(model, traced, seed) };
    trace.salience = { direct, flow: span === null ? null : { span, share: flows[span]!.flow }, causal: null };
    trace.map = await lensMap(model, traced, scores.answer.ids[0]!, signal);
    trace.almostSaid = almostSaid;
    residue.checks.push(...(await identityChecks(model, traced, trace.name, attribution!.residual, signal)));
  },
};
