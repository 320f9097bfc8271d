package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"
)

// A sample is what a process held at one moment.
type sample struct {
	at         time.Time
	goroutines int
	files      int // open files that are no sockets
	sockets    int
	heap       int64 // bytes of live and not yet collected objects
	resident   int64 // bytes
}

const statsEvery = 500 * time.Millisecond

// keepStats writes a sample every half second, for as long as the process lives.
func keepStats(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("stats-%d", os.Getpid())), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	for {
		s := take()
		_, _ = fmt.Fprintf(f, "%d %d %d %d %d %d\n", s.at.UnixMicro(), s.goroutines, s.files, s.sockets, s.heap, s.resident) // a full disk is one of the faults
		time.Sleep(statsEvery)
	}
}

// take looks at this process. Where there is no /proc, files and memory stay 0.
func take() sample {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	s := sample{at: time.Now(), goroutines: runtime.NumGoroutine(), heap: int64(heap[0].Value.Uint64())}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			s.sockets++
		} else {
			s.files++
		}
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, pages int64
		if _, err := fmt.Sscan(string(text), &size, &pages); err == nil {
			s.resident = pages * int64(os.Getpagesize())
		}
	}
	return s
}

// samples reads what a process has written.
func samples(dir string, pid int) []sample {
	text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("stats-%d", pid)))
	if err != nil {
		return nil
	}
	var list []sample
	for line := range strings.Lines(string(text)) {
		var s sample
		var at int64
		if n, _ := fmt.Sscan(line, &at, &s.goroutines, &s.files, &s.sockets, &s.heap, &s.resident); n == 6 {
			s.at = time.UnixMicro(at)
			list = append(list, s)
		}
	}
	return list
}
