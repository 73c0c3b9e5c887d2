import type { TSchema } from 'typebox';
import { decodeValue } from './decode.ts';

const OTHER_VERSION =
  'It seems to come from another version of Subnet Studio. Close the page or program that sent it, and open it again.';

/**
 * Handlers that are called only with parameters that pass the schema of their request.
 * @param handlers  one function per request
 * @param schemas  one per request, by the same names
 * @param onMalformed  told the name of a request whose parameters were refused
 * @returns the same functions; they throw EngineError `decode` for parameters that do not pass
 */
export function checkedHandlers<H extends object>(
  handlers: H,
  schemas: Readonly<Record<string, TSchema>>,
  onMalformed: (name: string) => void,
): H {
  const guarded = Object.entries(handlers).map(([name, handler]) => {
    const ask = handler as (params: unknown, context: unknown) => unknown;
    return [
      name,
      (params: unknown, context: unknown): unknown => {
        try {
          decodeValue(schemas[name]!, params, `Message "${name}"`, OTHER_VERSION);
        } catch (error) {
          onMalformed(name);
          throw error;
        }
        return ask(params, context);
      },
    ];
  });
  return Object.fromEntries(guarded) as H;
}
