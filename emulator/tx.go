package emulator

// A tx collects what one call changes: memory is changed at once, while e.mu is held, and each change leaves behind
// a record for the file and a way back. Because records are queued under the same lock, the file sees changes in the
// order in which memory did, and undoing all that is not yet committed, newest first, gives exactly what the file holds.
type tx struct {
	e    *Emulator
	recs []record
	undo []func()
	err  chan error // one result, once the file has it
}

// update runs change with the lock held and returns when what it did is durable. A change that returns an error
// changes nothing; it must see to that itself before it touches a queue, since in memory mode there is no way back.
func (e *Emulator) update(change func(*tx) error) error {
	t := &tx{e: e}
	if err := e.apply(t, change); err != nil || t.err == nil {
		return err
	}
	return <-t.err
}

// apply changes memory and queues the records for the file.
func (e *Emulator) apply(t *tx, change func(*tx) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return faultClosed()
	}
	if err := change(t); err != nil {
		t.rollback()
		return err
	}
	if len(t.recs) > 0 {
		t.err = make(chan error, 1)
		e.journal.enqueue(t)
	}
	return nil
}

// view runs read with the lock held.
func (e *Emulator) view(read func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return faultClosed()
	}
	return read()
}

// log adds a record for the file and the way back. In memory mode nothing can fail afterwards, so neither is kept.
func (t *tx) log(r record, undo func()) {
	if t.e.journal == nil {
		return
	}
	t.recs = append(t.recs, r)
	t.undo = append(t.undo, undo)
}

// rollback takes back what the call changed; e.mu is held.
func (t *tx) rollback() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
}

// addMessage puts a new message into a queue.
func (t *tx) addMessage(q *queue, m *message) {
	q.insert(m, nowMilli())
	t.log(record{kind: recPutMessage, queue: q.id, row: m.row()}, func() { q.remove(m) })
}

// deleteMessage takes a message out of its queue for good.
func (t *tx) deleteMessage(q *queue, m *message) {
	q.remove(m)
	t.log(record{kind: recDeleteMessage, row: messageRow{Seq: m.seq}}, func() { q.insert(m, nowMilli()) })
}

// setDelivery changes when a message is visible and how often it was received.
func (t *tx) setDelivery(q *queue, m *message, d delivery, now int64) {
	old := m.delivery
	q.detach(m)
	m.delivery = d
	q.attach(m, now)
	t.log(record{kind: recDelivery, row: messageRow{Seq: m.seq, delivery: d}}, func() {
		q.detach(m)
		m.delivery = old
		q.attach(m, nowMilli())
	})
}

// redrive moves a message to a dead-letter queue as SQS's redrive policy does: it keeps its id, the time at which it
// was sent and its receive count.
func (t *tx) redrive(from, to *queue, m *message, now int64) {
	old, oldSource := m.delivery, m.source
	from.remove(m)
	m.source = from.arn
	m.delivery.visibleAt = now
	m.delivery.inFlight = false
	to.insert(m, now)
	t.log(record{kind: recPutMessage, queue: to.id, row: m.row()}, func() {
		to.remove(m)
		m.delivery, m.source = old, oldSource
		from.insert(m, nowMilli())
	})
}
