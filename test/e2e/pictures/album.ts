import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';

interface Clip {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Writes what the page shows, or a part of it, with few colours: pictures travel with the extension. */
export async function picture(page: Page, path: string, clip?: Clip): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  // A pointer that rests on something would have its tooltip in the picture.
  await page.mouse.move(2, page.viewportSize()!.height - 40);
  await page.waitForTimeout(400);
  const png = await page.screenshot(clip ? { clip } : {});
  await sharp(png).png({ palette: true, colours: 192, effort: 10, dither: 0.4 }).toFile(path);
}

/** Frames of an animation, each with how long it is shown. */
export class Film {
  private readonly frames: { png: Buffer; ms: number }[] = [];

  constructor(private readonly page: Page) {}

  async frame(ms: number): Promise<void> {
    this.frames.push({ png: await this.page.screenshot(), ms });
  }

  /** Writes an animated GIF that repeats for ever. */
  async write(path: string, width: number): Promise<void> {
    const resized = await Promise.all(this.frames.map(({ png }) => sharp(png).resize({ width, kernel: 'lanczos3' }).png().toBuffer()));
    await sharp(resized, { join: { animated: true } })
      .gif({ delay: this.frames.map(({ ms }) => ms), loop: 0, colours: 96, dither: 0, effort: 10, interFrameMaxError: 6 })
      .toFile(path);
  }
}
