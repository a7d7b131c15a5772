/** A default export without a name, beside functions that are called "default" too. */
export default (x: number): string => `default ${x}`;

export const bag = { default: (x: number): string => `bag ${x}` };
