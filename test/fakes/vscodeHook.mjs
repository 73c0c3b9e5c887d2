// Puts the fake editor in the place of the module that only a real one has.
const fake = new URL('vscode.ts', import.meta.url).href;

export function resolve(specifier, context, next) {
  return next(specifier === 'vscode' ? fake : specifier, context);
}
