// What the help says before any command is loaded.

/** The configuration's usual name. */
export const CLIENT_CONFIG_NAME = 'tributary-client.yaml';

/** Where applications connect unless told. */
export const DEFAULT_SOCKS = '127.0.0.1:1080';

/** Of `doctor`: two seconds of 64 Mbit/s. Faster links are still measured, with less certainty. */
export const DEFAULT_SPEED_BYTES = '16MB';

/** Of `top`: as often as most things that it shows change. */
export const DEFAULT_TOP_INTERVAL = '1s';
/** Of `speedtest`: three uplinks of 100 Mbit/s, of which each alone is measured for a second. Faster ones still show what they can. */
export const DEFAULT_TEST_BYTES = '200MB';
/** TCP has found the rate of a link with a long round trip by then. */
export const DEFAULT_TEST_SECONDS = '3';
