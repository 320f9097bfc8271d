// Package deepstack gives a goroutine a large stack while it is still shallow.
//
// A request through the AWS SDK passes some fifty frames of middleware. A new goroutine reaches that depth by doubling its
// stack several times, each time copying all frames so far: an eighth of a busy worker's CPU went there. Growing once at
// the start copies next to nothing.
package deepstack

// size is more than an SDK request was seen to need (runtime/debug.Stack shows its depth, a CPU profile the copies).
const size = 40 << 10

// Grow makes the calling goroutine's stack large enough for an SDK request.
func Grow() {
	var room [size]byte
	use(&room)
}

// use keeps the compiler from leaving the array out.
//
//go:noinline
func use(*[size]byte) {}
