import packageJson from '../../package.json' with { type: 'json' };

/** Version of the engine, as in package.json. */
export const engineVersion: string = packageJson.version;
