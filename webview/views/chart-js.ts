import {
  BarController,
  BarElement,
  BasePlatform,
  CategoryScale,
  Chart,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  ScatterController,
  type ChartConfiguration,
} from 'chart.js';
import { MatrixController, MatrixElement } from 'chartjs-chart-matrix';

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  ScatterController,
  MatrixController,
  MatrixElement,
);

/**
 * What chart.js asks of the page. Its own asks for the style and size of each canvas as it goes, by which the browser lays the page out
 * once for every chart; here a chart is told its size.
 */
class ToldPlatform extends BasePlatform {
  override acquireContext(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
    return canvas.getContext('2d');
  }

  override releaseContext(): boolean {
    return true;
  }

  override getDevicePixelRatio(): number {
    return devicePixelRatio;
  }
}

/** A chart of chart.js on a canvas that has its box's size. */
export const chartJs = (canvas: HTMLCanvasElement, config: ChartConfiguration): Chart =>
  new Chart(canvas, {
    ...config,
    platform: ToldPlatform,
    options: { ...config.options, animation: false, responsive: false, events: [] },
  } as ChartConfiguration);
