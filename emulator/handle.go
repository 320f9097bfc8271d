package emulator

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

const handleSize = 1 + 8 + 8 + 4 + 4

// handle is what a receipt handle says: which receive of which message of which queue.
type handle struct {
	queue, seq int64
	receive    int
}

// String packs a handle with a checksum, so that garbage is told from a handle of a message that is gone.
func (h handle) String() string {
	var b [handleSize]byte
	b[0] = 1
	binary.BigEndian.PutUint64(b[1:], uint64(h.queue))
	binary.BigEndian.PutUint64(b[9:], uint64(h.seq))
	binary.BigEndian.PutUint32(b[17:], uint32(h.receive))
	binary.BigEndian.PutUint32(b[21:], crc32.ChecksumIEEE(b[:21]))
	return base64.StdEncoding.EncodeToString(b[:])
}

// parseHandle reads a receipt handle that a queue gave out.
func parseHandle(s string, q *queue) (handle, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != handleSize || b[0] != 1 ||
		binary.BigEndian.Uint32(b[21:]) != crc32.ChecksumIEEE(b[:21]) {
		return handle{}, faultReceiptHandle(s)
	}
	h := handle{
		queue:   int64(binary.BigEndian.Uint64(b[1:])),
		seq:     int64(binary.BigEndian.Uint64(b[9:])),
		receive: int(binary.BigEndian.Uint32(b[17:])),
	}
	// Base64 reads some texts alike, those with line breaks among them; only one was given out.
	if h.queue != q.id || h.String() != s {
		return handle{}, faultReceiptHandle(s)
	}
	return h, nil
}
