package chaos

import (
	"testing"
	"time"
)

// A soak's verdict: what grows is named, what only swings is not.
func TestSoakJudges(t *testing.T) {
	t.Parallel()
	series := func(resident func(i int) int64, goroutines func(i int) int) []sample {
		var all []sample
		for i := range 1200 {
			all = append(all, sample{
				at: noon.Add(time.Duration(i) * statsEvery), resident: resident(i), heap: 1 << 20, goroutines: goroutines(i), files: 10,
			})
		}
		return all
	}
	flat := func(i int) int64 { return 50<<20 + int64(i%7)<<18 }
	steady := func(i int) int { return 40 + i%3 }
	tests := []struct {
		name string
		all  []sample
		want int
	}{
		{"flat", series(flat, steady), 0},
		{"memory grows", series(func(i int) int64 { return 50<<20 + int64(i)<<14 }, steady), 1},
		{"goroutines leak", series(flat, func(i int) int { return 40 + i/50 }), 1},
		{"both", series(func(i int) int64 { return 50<<20 + int64(i)<<14 }, func(i int) int { return 40 + i/50 }), 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &SoakReport{Processes: []Growth{judge("worker", test.all, noon, noon.Add(10*time.Minute))}}
			if got := r.Grew(); len(got) != test.want {
				t.Errorf("grew: %v, %+v", got, r.Processes)
			}
		})
	}
}
