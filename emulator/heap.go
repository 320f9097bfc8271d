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

// byVisibility orders messages by the time from which they are visible, then as they were sent.
type byVisibility = agenda[*message]

func (m *message) before(other *message) bool {
	if m.delivery.visibleAt != other.delivery.visibleAt {
		return m.delivery.visibleAt < other.delivery.visibleAt
	}
	return m.seq < other.seq
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
