/** Imported for what it does: whoever comes later sees that it was there, and in which process. */
export const importedBy: number = process.pid;
Object.assign(globalThis, { importedBy });
