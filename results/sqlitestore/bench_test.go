package sqlitestore_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
)

// BenchmarkJobs follows jobs from queued to succeeded, as many at a time as a busy worker has: three transitions a job.
func BenchmarkJobs(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "results.db"), sqlitestore.Options{})
			ctx := b.Context()
			result := []byte(`"` + strings.Repeat("x", 200) + `"`)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						id := fmt.Sprintf("0199c0de-0000-7000-8000-%012d", n)
						if errs := s.Enqueue(ctx, []results.Record{{ID: id, Task: "bench", Queue: "default"}}); errs != nil {
							b.Error(errs)
						}
						if _, err := s.Start(ctx, results.Start{ID: id, Attempt: 1}); err != nil {
							b.Error(err)
						}
						if err := s.End(ctx, results.End{ID: id, Attempt: 1, State: results.Succeeded, Result: result}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(3*float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
		})
	}
}
