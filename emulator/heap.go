package emulator

import "container/heap"

// place says where in its queue a message is.
type place int

const (
	nowhere place = iota
	ready
	hidden
)

// byVisibility is a heap of messages by the time from which they are visible, then in the order of sending.
type byVisibility []*message

func (h byVisibility) Len() int { return len(h) }

func (h byVisibility) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.delivery.visibleAt != b.delivery.visibleAt {
		return a.delivery.visibleAt < b.delivery.visibleAt
	}
	return a.seq < b.seq
}

func (h byVisibility) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements [heap.Interface].
func (h *byVisibility) Push(x any) {
	m := x.(*message)
	m.index = len(*h)
	*h = append(*h, m)
}

// Pop implements [heap.Interface].
func (h *byVisibility) Pop() any {
	old := *h
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return m
}

func (h *byVisibility) add(m *message)  { heap.Push(h, m) }
func (h *byVisibility) drop(m *message) { heap.Remove(h, m.index) }

func (h byVisibility) top() *message {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}
