package emulator

import "container/heap"

// place says where in its queue a message is.
type place int

const (
	nowhere place = iota
	ready
	hidden
)

// timed is what an agenda holds: it has an order, and remembers where the agenda has it.
type timed[T any] interface {
	before(T) bool
	setIndex(int)
	getIndex() int
}

// agenda is a heap with the earliest on top.
type agenda[T timed[T]] []T

// messages are those of a queue that are in the same place, in its order.
type messages = agenda[*message]

// backAfter is how many receives move a message that comes back to the back of its queue; developer guide, "Available CloudWatch
// metrics for Amazon SQS", ApproximateAgeOfOldestMessage.
const backAfter = 3

// before orders messages of the same place: hidden ones by the time at which they become visible, and those that are visible as
// they were sent. So a message that comes back after its timeout is received before younger ones, until it has been received
// too often: then it counts as sent when it became visible.
func (m *message) before(other *message) bool {
	if a, b := m.turn(), other.turn(); a != b {
		return a < b
	}
	return m.seq < other.seq
}

func (m *message) turn() int64 {
	if m.place == ready && m.delivery.receives < backAfter {
		return m.sentAt
	}
	return m.delivery.visibleAt
}

func (m *message) setIndex(i int) { m.index = i }
func (m *message) getIndex() int  { return m.index }

func (a agenda[T]) Len() int { return len(a) }

func (a agenda[T]) Less(i, j int) bool { return a[i].before(a[j]) }

func (a agenda[T]) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].setIndex(i)
	a[j].setIndex(j)
}

// Push implements [heap.Interface].
func (a *agenda[T]) Push(x any) {
	item := x.(T)
	item.setIndex(len(*a))
	*a = append(*a, item)
}

// Pop implements [heap.Interface].
func (a *agenda[T]) Pop() any {
	old := *a
	item := old[len(old)-1]
	var none T
	old[len(old)-1] = none
	*a = old[:len(old)-1]
	return item
}

func (a *agenda[T]) add(item T)  { heap.Push(a, item) }
func (a *agenda[T]) drop(item T) { heap.Remove(a, item.getIndex()) }

// top is the earliest, or the zero value.
func (a agenda[T]) top() T {
	if len(a) == 0 {
		var none T
		return none
	}
	return a[0]
}
