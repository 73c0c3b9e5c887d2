import type { RunSnapshot } from '../src/dashboard/model/runSnapshot.ts';
import { panelApi } from '../src/protocol/panelApi.ts';
import { isAbout, isEvents, isSnapshot } from './decode.ts';
import type { HostClient } from './hostClient.ts';
import type { Change } from './store.ts';

/** Turns what the host tells into changes of the state; what has another shape is left out. */
export function listenToHost(host: HostClient, dispatch: (change: Change) => void): void {
  host.on(panelApi.runEvents, (told) => {
    if (!isAbout(told, { from: 'number', events: 'array' }) || !isEvents(told.events)) return;
    dispatch({ kind: 'runEvents', ...told });
  });
  host.on(panelApi.runSnapshot, (told) => {
    if (!isAbout(told, { snapshot: 'object' }) || !isSnapshot(told.snapshot)) return;
    const snapshot: RunSnapshot = told.snapshot;
    dispatch({ kind: 'runSnapshot', run: told.run, snapshot });
  });
  host.on(panelApi.standing, (told) => {
    if (isAbout(told, { standing: 'object' })) dispatch({ kind: 'standing', ...told });
  });
  host.on(panelApi.configChanged, (told) => {
    if (isAbout(told, { config: 'object' })) dispatch({ kind: 'configChanged', ...told });
  });
  host.on(panelApi.runRemoved, (told) => {
    if (isAbout(told, {})) dispatch({ kind: 'runRemoved', run: told.run });
  });
  host.on(panelApi.select, (told) => {
    if (isAbout(told, { subnet: 'string' })) dispatch({ kind: 'select', ...told });
  });
}
