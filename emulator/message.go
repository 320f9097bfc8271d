package emulator

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
)

// message is one message of a queue. What a sender gave never changes; delivery does.
type message struct {
	seq      int64 // unique for the life of the state file; part of the receipt handle
	id       string
	body     string
	bodyMD5  string
	attrs    map[string]attribute
	group    string
	trace    string // AWSTraceHeader
	sender   string
	sentAt   int64  // ms
	source   string // DeadLetterQueueSourceArn
	delivery delivery

	place place // which of the queue's two heaps holds it
	index int   // and where
}

// delivery is the part of a message that changes as it is received.
type delivery struct {
	visibleAt     int64 // ms; from then on a receive may take it
	receives      int
	firstReceived int64 // ms, 0 before the first
	receivedAt    int64 // ms of the latest receive: the 12 hours of visibility count from there
	inFlight      bool  // received and not yet visible again; false for one that is merely delayed
}

// attribute is a message attribute's value, our own copy of it.
type attribute struct {
	Type   string `json:"t"`
	String string `json:"s,omitempty"`
	Binary []byte `json:"b,omitempty"`
}

func (a attribute) isBinary() bool { return a.Binary != nil }

// size is what an attribute weighs against the message size limit: name, type and value.
func (a attribute) size(name string) int {
	return len(name) + len(a.Type) + len(a.String) + len(a.Binary)
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// attributesMD5 is AWS's digest of message attributes: sorted by name, each field with its length in front, and one
// byte that tells text (1) from binary (2). Developer guide: "Calculating the MD5 message digest for message attributes".
func attributesMD5(attrs map[string]attribute) string {
	h := md5.New()
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		a := attrs[name]
		writeField(h, name)
		writeField(h, a.Type)
		if a.isBinary() {
			h.Write([]byte{2})
			writeField(h, string(a.Binary))
		} else {
			h.Write([]byte{1})
			writeField(h, a.String)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeField(h hash.Hash, s string) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}
