/** What is not measured with a concentrator that has no measurements. */
export const OLDER = 'the concentrator is older than this client and cannot tell: bring it up to date';
