// What the help says before any command is loaded.

/** The configuration's usual name. */
export const CONCENTRATOR_CONFIG_NAME = 'tributary-concentrator.yaml';

/** The service, its user and its group, as packages and the instructions make them. */
export const CONCENTRATOR_SERVICE = 'tributary-concentrator';
