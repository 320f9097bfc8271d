package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A SoakReport is what the processes that lived through a soak held.
type SoakReport struct {
	Took      time.Duration
	Restarts  int
	Processes []Growth
	Ledger    *Ledger
}

// A Growth compares the third quarter of a soak with the last.
type Growth struct {
	Name                                string
	Samples                             int
	Heap, Resident, Goroutines, Handles Change // Heap is what is live after a collection, about: the least of each window
}

// A Change is a value in the third quarter and in the last.
type Change struct{ From, To float64 }

// Percent is how much a value has grown.
func (c Change) Percent() float64 {
	if c.From == 0 {
		return 0
	}
	return (c.To - c.From) / c.From * 100
}

// MaxGrowth is how much memory may grow over a soak's last half, in percent.
const MaxGrowth = 2

// judge compares the medians of two quarters. What a process needs at once hides what it keeps, so of the heap, which
// swings between collections, the least of each ten seconds counts.
func judge(name string, all []sample, began, ended time.Time) Growth {
	quarter := ended.Sub(began) / 4
	window := func(from time.Time, of func(sample) float64, least bool) float64 {
		var values []float64
		for _, group := range grouped(all, from, from.Add(quarter)) {
			var vs []float64
			for _, s := range group {
				vs = append(vs, of(s))
			}
			if least {
				values = append(values, slices.Min(vs))
			} else {
				values = append(values, median(vs))
			}
		}
		return median(values)
	}
	change := func(of func(sample) float64, least bool) Change {
		return Change{window(began.Add(2*quarter), of, least), window(began.Add(3*quarter), of, least)}
	}
	return Growth{
		Name: name, Samples: len(all),
		Heap:       change(func(s sample) float64 { return float64(s.heap) }, true),
		Resident:   change(func(s sample) float64 { return float64(s.resident) }, false),
		Goroutines: change(func(s sample) float64 { return float64(s.goroutines) }, false),
		Handles:    change(func(s sample) float64 { return float64(s.files + s.sockets) }, false),
	}
}

// grouped are the samples of a time, by ten seconds.
func grouped(all []sample, from, to time.Time) map[int64][]sample {
	groups := map[int64][]sample{}
	for _, s := range all {
		if s.at.After(from) && s.at.Before(to) {
			groups[s.at.Unix()/10] = append(groups[s.at.Unix()/10], s)
		}
	}
	return groups
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// Grew lists the processes whose memory, goroutines or open files have grown by more than they may.
func (r *SoakReport) Grew() []string {
	var grew []string
	for _, p := range r.Processes {
		for what, c := range map[string]Change{"resident memory": p.Resident, "goroutines": p.Goroutines, "files and sockets": p.Handles} {
			if c.Percent() > MaxGrowth {
				grew = append(grew, fmt.Sprintf("%s: %s grew by %.1f %%", p.Name, what, c.Percent()))
			}
		}
	}
	return grew
}

func (r *SoakReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "soak of %v with %d restarts of workers; third quarter -> last quarter\n", r.Took.Round(time.Second), r.Restarts)
	for _, p := range r.Processes {
		fmt.Fprintf(&b, "  %-9s resident %.1f -> %.1f MiB (%+.1f %%), heap after collection %.2f -> %.2f MiB (%+.1f %%), goroutines %.0f -> %.0f, files and sockets %.0f -> %.0f, %d samples\n",
			p.Name, p.Resident.From/(1<<20), p.Resident.To/(1<<20), p.Resident.Percent(),
			p.Heap.From/(1<<20), p.Heap.To/(1<<20), p.Heap.Percent(), p.Goroutines.From, p.Goroutines.To, p.Handles.From, p.Handles.To, p.Samples)
	}
	return b.String() + r.Ledger.String()
}
