/** Bytes in memory of their own, which the garbage collector takes back. */
export class OwnBytes {
    bytes;
    headroomBytes;
    constructor(bytes, headroomBytes = 0) {
        this.bytes = bytes;
        this.headroomBytes = headroomBytes;
    }
    keep(part) {
        return new OwnBytes(part);
    }
    /** Nothing to do. */
    release() { }
}
