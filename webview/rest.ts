import { Picture } from './export/picture.js';
import { h } from './dom.js';
import { bring } from './later.js';
import { almostView } from './views/almost.js';
import { attentionView } from './views/attention.js';
import { causeView } from './views/cause.js';
import { claimsView } from './views/claims.js';
import { commandsView } from './views/commands.js';
import { compareView } from './views/compare.js';
import { disruptionView } from './views/disruption.js';
import { generationView } from './views/generation.js';
import { graphView } from './views/graph.js';
import { headsView } from './views/heads.js';
import { holdView } from './views/hold.js';
import { mapView } from './views/map.js';
import { propagationView } from './views/propagation.js';
import { provenanceView } from './views/provenance.js';
import { salienceView } from './views/salience.js';
import { shapeView } from './views/shape.js';

/**
 * What the first screen does without: the parts below it with chart.js and d3, and pictures. A script of its own, loaded after the first
 * paint, for a browser reads a script whole before it runs any of it.
 */
bring({
  views: {
    compare: compareView,
    salience: (c) => [salienceView(c)],
    heads: (c) => [h('div', { class: 'pair' }, ...headsView(c))],
    attention: attentionView,
    disruption: (c) => [h('div', { class: 'pair' }, disruptionView(c), h('div', null, propagationView(c), shapeView(c)))],
    cause: causeView,
    graph: graphView,
    commands: commandsView,
    map: (c) => [mapView(c)],
    words: (c) => [h('div', { class: 'pair' }, almostView(c), generationView(c))],
    hold: (c) => [h('div', { class: 'grid' }, ...holdView(c))],
    claims: (c) => [claimsView(c)],
    provenance: provenanceView,
  },
  picture: (figure, title, background) => new Picture(figure, title, background),
});
