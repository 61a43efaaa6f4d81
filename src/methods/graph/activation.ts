import type { Activation } from '../../model/spec.js';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** erf to 1.2e-7 (Numerical Recipes, erfc by Chebyshev fit). */
function erf(x: number): number {
  const t = 1 / (1 + 0.5 * Math.abs(x));
  const fit =
    t *
    Math.exp(
      -x * x -
        1.26551223 +
        t *
          (1.00002368 +
            t *
              (0.37409196 +
                t *
                  (0.09678418 +
                    t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))),
    );
  return x >= 0 ? 1 - fit : fit - 1;
}

const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));
const geluTanh = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const relu = (x: number): number => Math.max(0, x);
const softplus = (x: number): number => (x > 30 ? x : Math.log1p(Math.exp(x)));

const FUNCTIONS: Record<Activation, (x: number) => number> = {
  silu: (x) => x * sigmoid(x),
  gelu,
  gelu_tanh: geluTanh,
  gelu_10: (x) => Math.max(-10, Math.min(10, gelu(x))),
  quick_gelu: (x) => x * sigmoid(1.702 * x),
  relu,
  relu2: (x) => relu(x) ** 2,
  relu6: (x) => Math.min(relu(x), 6),
  leaky_relu: (x) => (x < 0 ? 0.01 * x : x),
  tanh: Math.tanh,
  sigmoid,
  linear: (x) => x,
  hardswish: (x) => (x * Math.min(relu(x + 3), 6)) / 6,
  mish: (x) => x * Math.tanh(softplus(x)),
  laplace: (x) => 0.5 * (1 + erf((x - 0.707107) / (0.282095 * Math.SQRT2))),
};

/** An activation of a model's configuration, as transformers' `ACT2FN` defines it (see `Activation`). */
export function activate(kind: Activation, x: number): number {
  return FUNCTIONS[kind](x);
}

/**
 * The slope of the secant from 0 to x: (act(x) − act(0)) / x, so that act(x) = slope · x + act(0) holds exactly. At 0 it is the
 * slope there. Freezing it makes an activation linear without an error term, as freezing a pattern does for attention.
 */
export function secant(kind: Activation, x: number): number {
  const at = Math.abs(x) < 1e-4 ? 1e-4 : x;
  return (activate(kind, at) - activate(kind, 0)) / at;
}
