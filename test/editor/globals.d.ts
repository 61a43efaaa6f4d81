/** Mocha's globals, as the suite uses them. */
declare function describe(title: string, define: () => void): void;
declare function it(title: string, body: () => Promise<void> | void): void;
declare function before(body: () => Promise<void> | void): void;
declare function after(body: () => Promise<void> | void): void;
declare function afterEach(body: () => Promise<void> | void): void;
declare module 'mocha' {
  interface Test {
    title: string;
    duration?: number;
    fullTitle(): string;
  }
  interface Runner {
    on(event: 'pass' | 'pending', listener: (test: Test) => void): Runner;
    on(event: 'fail', listener: (test: Test, error: Error) => void): Runner;
    on(event: 'end', listener: () => void): Runner;
  }
  export default class Mocha {
    constructor(options: { ui: 'bdd'; timeout: number; color: boolean; reporter: string });
    suite: {
      suites: { tests: Test[] }[];
      emit(event: 'pre-require', context: object, file: null, mocha: Mocha): void;
      beforeAll(title: string, body: () => Promise<void>): void;
    };
    grep(titles: RegExp): this;
    run(done: (failures: number) => void): Runner;
  }
}
