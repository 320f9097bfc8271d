package deepstack_test

import (
	"testing"

	"github.com/coretasks/core/internal/deepstack"
)

//go:noinline
func deep(frames int) int {
	var room [256]byte // about what a frame of middleware has
	room[frames%len(room)] = 1
	if frames == 0 {
		return int(room[0])
	}
	return deep(frames-1) + int(room[1])
}

func run(b *testing.B, before func()) {
	b.Helper()
	done := make(chan int)
	b.ReportAllocs()
	for b.Loop() {
		go func() {
			before()
			done <- deep(60)
		}()
		<-done
	}
}

func BenchmarkNewGoroutine(b *testing.B) {
	b.Run("as it is", func(b *testing.B) { run(b, func() {}) })
	b.Run("grown first", func(b *testing.B) { run(b, deepstack.Grow) })
}

func TestGrow(t *testing.T) { // not parallel: AllocsPerRun counts for the whole process
	if allocated := testing.AllocsPerRun(10, deepstack.Grow); allocated > 0 {
		t.Errorf("%v heap allocations: the room must be on the stack", allocated)
	}
}
