/** What the environment was when this module was loaded. */
export const environment: NodeJS.ProcessEnv = { ...process.env };
