package emulator

// recordKind says what a record does to the file.
type recordKind int

const (
	recPutQueue recordKind = iota
	recDeleteQueue
	recPurge
	recPutMessage
	recDelivery
	recDeleteMessage
	recPutMove
	recDeleteMove
	recPutGroup
	recDeleteGroup
	recPutSchedule
	recProgress
	recDeleteSchedule
)

// record is one change for the file. It is a copy: what it came from may go on changing.
type record struct {
	kind  recordKind
	queue int64
	row   messageRow
	data  any // a queueRow, a moveTask, a groupRow or a fullSchedule
}

// messageRow is a message as the file has it.
type messageRow struct {
	Seq     int64
	SentAt  int64
	Source  string
	content *message // what a sender gave; never changes
	delivery
}

func (m *message) row() messageRow {
	return messageRow{Seq: m.seq, SentAt: m.sentAt, Source: m.source, content: m, delivery: m.delivery}
}

// queueRow is a queue's definition as the file has it, in JSON.
type queueRow struct {
	Region   string            `json:"region"`
	Name     string            `json:"name"`
	Created  int64             `json:"created"`
	Modified int64             `json:"modified"`
	Attrs    map[string]string `json:"attributes"`
	Tags     map[string]string `json:"tags,omitempty"`
}

func (q *queue) row() queueRow {
	return queueRow{Region: q.region, Name: q.name, Created: q.created, Modified: q.modified, Attrs: q.settings.attrs, Tags: q.tags}
}

func (m *moveTask) row() moveTask { return *m }
