import * as Type from 'typebox';
import type { TSchema } from 'typebox';
import type { serviceApi } from './serviceApi.ts';

const id = Type.String({ maxLength: 80 });
const path = Type.String({ maxLength: 4096 });

type Requests<A> = keyof {
  [K in keyof A as A[K] extends { readonly kind: 'request' } ? K : never]: true;
};

/**
 * Schemas of what a client sends to the service, which trusts nothing that does not pass them. The
 * work of `submit` has its own: see `decodeWork`.
 */
export const serviceParams: Readonly<Record<Requests<typeof serviceApi>, TSchema>> = {
  hello: Type.Object({ token: Type.String({ maxLength: 200 }), protocol: Type.Integer() }),
  submit: Type.Object({ work: Type.Unknown(), title: Type.String({ maxLength: 4096 }) }),
  jobs: Type.Object({}),
  cancel: Type.Object({ id }),
  finishSearch: Type.Object({ id }),
  move: Type.Object({ id, to: Type.Integer({ minimum: -1, maximum: 1_000_000 }) }),
  inspect: Type.Object({ path }),
  devices: Type.Object({}),
  estimate: Type.Object({ configPath: path }),
};
