package emulator

import (
	"math"
	"slices"
)

// queue is one standard queue. All of it is guarded by the emulator's lock.
type queue struct {
	id int64
	inRegion
	arn      string
	created  int64 // ms
	modified int64 // ms
	settings settings
	tags     map[string]string
	deleted  bool
	purgedAt int64 // ms of the latest PurgeQueue

	messages map[int64]*message // by seq
	ready    messages           // what a receive may take now
	hidden   messages           // delayed or in flight
	inFlight int
	sweepAt  int64 // ms; before that nothing here can have outlived the retention period

	waiters []*waiter // receives that wait, the longest-waiting first
}

// waiter is a receive that found nothing. It is woken when it should look again, and then is no longer in the list.
type waiter struct{ wake chan struct{} }

func (e *Emulator) newQueue(id int64, at inRegion, now int64) *queue {
	return &queue{
		id: id, inRegion: at, arn: e.arn(at), created: now, modified: now, tags: map[string]string{},
		messages: map[int64]*message{}, sweepAt: math.MaxInt64, purgedAt: math.MinInt64,
	}
}

// insert adds a message to the queue.
func (q *queue) insert(m *message, now int64) {
	q.messages[m.seq] = m
	q.sweepAt = min(q.sweepAt, m.sentAt+q.settings.retention)
	q.attach(m, now)
}

// remove takes a message out of the queue.
func (q *queue) remove(m *message) {
	delete(q.messages, m.seq)
	q.detach(m)
}

// attach files a message of the queue by its visibility, and wakes a waiting receive that may want it or must wait
// for an earlier time than it knows of.
func (q *queue) attach(m *message, now int64) {
	if m.delivery.visibleAt <= now {
		m.place = ready
		m.delivery.inFlight = false
		q.ready.add(m)
		q.wakeOne()
		return
	}
	m.place = hidden
	q.hidden.add(m)
	if m.delivery.inFlight {
		q.inFlight++
	}
	if q.hidden.top() == m {
		q.wakeOne()
	}
}

// detach is attach's opposite.
func (q *queue) detach(m *message) {
	switch m.place {
	case ready:
		q.ready.drop(m)
	case hidden:
		q.hidden.drop(m)
		if m.delivery.inFlight {
			q.inFlight--
		}
	}
	m.place = nowhere
}

// advance makes visible what has become due.
func (q *queue) advance(now int64) {
	for m := q.hidden.top(); m != nil && m.delivery.visibleAt <= now; m = q.hidden.top() {
		q.detach(m)
		q.attach(m, now)
	}
}

// expired says whether a message has outlived the queue's retention period.
func (q *queue) expired(m *message, now int64) bool { return m.sentAt+q.settings.retention <= now }

// sweep deletes what has outlived the retention period. It looks at all messages, so at most once a second.
func (q *queue) sweep(t *tx, now int64) {
	if now < q.sweepAt {
		return
	}
	next := int64(math.MaxInt64)
	for _, m := range q.messages {
		if q.expired(m, now) {
			t.deleteMessage(q, m)
		} else {
			next = min(next, m.sentAt+q.settings.retention)
		}
	}
	q.sweepAt = max(next, now+1000)
}

// counts gives the numbers of messages that are visible, in flight and delayed, without those that have outlived the
// retention period and only wait for the next sweep. Reading deletes nothing, so that it works when the disk is full.
func (q *queue) counts(now int64) (visible, inFlight, delayed int) {
	visible, inFlight, delayed = len(q.ready), q.inFlight, len(q.hidden)-q.inFlight
	if now < q.sweepAt {
		return visible, inFlight, delayed
	}
	for _, m := range q.messages {
		switch {
		case !q.expired(m, now):
		case m.place == ready:
			visible--
		case m.delivery.inFlight:
			inFlight--
		default:
			delayed--
		}
	}
	return visible, inFlight, delayed
}

// contents is a queue's messages, to be taken out and put back as a whole.
type contents struct {
	messages      map[int64]*message
	ready, hidden messages
	inFlight      int
	sweepAt       int64
}

// swap exchanges all messages of the queue for others.
func (q *queue) swap(c contents) contents {
	old := contents{q.messages, q.ready, q.hidden, q.inFlight, q.sweepAt}
	q.messages, q.ready, q.hidden, q.inFlight, q.sweepAt = c.messages, c.ready, c.hidden, c.inFlight, c.sweepAt
	return old
}

func emptyContents() contents {
	return contents{messages: map[int64]*message{}, sweepAt: math.MaxInt64}
}

func (q *queue) addWaiter() *waiter {
	w := &waiter{wake: make(chan struct{}, 1)}
	q.waiters = append(q.waiters, w)
	return w
}

func (q *queue) wakeOne() {
	if len(q.waiters) == 0 {
		return
	}
	w := q.waiters[0]
	q.waiters = slices.Delete(q.waiters, 0, 1)
	w.wake <- struct{}{}
}

func (q *queue) wakeAll() {
	for len(q.waiters) > 0 {
		q.wakeOne()
	}
}

// leave ends a wait. The next one in line looks again in its stead, because the wake-up, or the timer for the next
// message to become visible, may have been this one's alone.
func (q *queue) leave(w *waiter) {
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
	q.wakeOne()
}
