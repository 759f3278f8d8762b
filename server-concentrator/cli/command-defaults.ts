// What the help says before any command is loaded.

/** The configuration's usual name. */
export const CONCENTRATOR_CONFIG_NAME = 'tributary-concentrator.yaml';
