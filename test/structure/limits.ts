/** Most lines of a file of production code. */
export const MAX_FILE_LINES = 400;
/** Most lines of a function of production code. */
export const MAX_FUNCTION_LINES = 80;
/** Most members of a class of the core. */
export const MAX_CORE_CLASS_MEMBERS = 35;
