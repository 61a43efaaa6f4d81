"""Draws the loss curve of a run. Usage: curve.py LOG_CSV OUT_SVG"""

import csv
import math
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 56, 56, 24, 44


def svg(rows):
    """Loss on all tokens and on answers (nats, left axis) and the share of answers right (right axis, dashed) over the steps."""
    steps = [int(r["step"]) for r in rows]
    most = max(1.0, *(float(r[k]) for r in rows for k in ("loss", "answer_loss")))
    top = math.ceil(most)
    x = lambda s: LEFT + (WIDTH - LEFT - RIGHT) * s / max(steps)
    y = lambda share: TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">', '<rect width="100%" height="100%" fill="#fff"/>']
    for i in range(5):
        out.append(f'<path d="M{LEFT} {y(i / 4):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(i / 4) + 4:.1f}" text-anchor="end">{top * i / 4:g}</text>')
        out.append(f'<text x="{WIDTH - RIGHT + 6}" y="{y(i / 4) + 4:.1f}">{25 * i} %</text>')
        out.append(f'<text x="{x(max(steps) * i / 4):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{max(steps) * i // 4}</text>')
    lines = [("loss", "#0072b2", "", top, "loss, all tokens (nats)"), ("answer_loss", "#d55e00", "", top, "loss, answers (nats)"), ("answers_right", "#009e73", "5 3", 1, "answers right")]
    for i, (key, color, dash, scale, name) in enumerate(lines):
        points = " ".join(f"{x(s):.1f},{y(float(r[key]) / scale):.1f}" for s, r in zip(steps, rows))
        out.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5" stroke-dasharray="{dash}"/>')
        out.append(f'<text x="{LEFT + 8 + 180 * i}" y="{TOP - 8}" fill="{color}">{name}</text>')
    out.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">step</text></svg>')
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        text = svg(list(csv.DictReader(f)))
    with open(sys.argv[2], "w") as f:
        f.write(text)
