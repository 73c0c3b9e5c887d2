/** A question one side may ask the other: its name, and the types of question and answer. */
export interface RequestDescriptor<P, R> {
  readonly kind: 'request';
  readonly method: string;
  /** Never present; carries the types. */
  readonly types?: { readonly params: P; readonly result: R };
}

/** Something one side tells the other without an answer. */
export interface EventDescriptor<P> {
  readonly kind: 'event';
  readonly method: string;
  /** Never present; carries the type. */
  readonly types?: { readonly payload: P };
}

/** An API: an object of descriptors. */
export type Api = Readonly<
  Record<string, { readonly kind: 'request' | 'event'; readonly method: string }>
>;

/** Declares a request. @param method  its name on the wire */
export function request<P, R>(method: string): RequestDescriptor<P, R> {
  return { kind: 'request', method };
}

/** Declares an event. @param method  its name on the wire */
export function event<P>(method: string): EventDescriptor<P> {
  return { kind: 'event', method };
}
