/** Stands in the bundle for parts of libraries that the language server never calls (esbuild.mjs). */
const nothing = {};
export default nothing;
