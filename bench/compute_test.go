package main

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one":       {[]float64{7}, 7},
		"odd":       {[]float64{9, 1, 5}, 5},
		"even":      {[]float64{4, 1, 2, 3}, 2.5},
		"all alike": {[]float64{2, 2, 2}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(c.values)
			if got := median(c.values); got != c.want {
				t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
			}
			if !slices.Equal(before, c.values) {
				t.Errorf("the values were changed to %v", c.values)
			}
		})
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for name, c := range map[string]struct {
		values []int
		p      float64
		want   int
	}{
		"p50 of 1 to 100":    {hundred, 50, 50},
		"p95 of 1 to 100":    {hundred, 95, 95},
		"p99 of 1 to 100":    {hundred, 99, 99},
		"p100 is the most":   {hundred, 100, 100},
		"p0 is the least":    {hundred, 0, 1},
		"p99 of few":         {[]int{3, 1, 2}, 99, 3},
		"p50 of three":       {[]int{3, 1, 2}, 50, 2},
		"nothing is nothing": {nil, 50, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := percentile(c.values, c.p); got != c.want {
				t.Errorf("percentile %v = %v, want %v", c.p, got, c.want)
			}
		})
	}
}

func TestSteepest(t *testing.T) {
	t.Parallel()
	if got := steepest([]float64{3, 2.7, 0.9, 0.3}); math.Abs(got-0.9) > 1e-9 {
		t.Errorf("of a fall = %v, want 0.9", got)
	}
	if got := steepest([]float64{3, 1, 1.5}); got != 1.5 {
		t.Errorf("of a rise = %v, want 1.5", got)
	}
	if got := steepest([]float64{3}); !math.IsNaN(got) {
		t.Errorf("of one value = %v, want NaN", got)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		whole(0):                      "0",
		whole(999.6):                  "1,000",
		whole(1234567):                "1,234,567",
		whole(-12345):                 "-12,345",
		whole(math.NaN()):             "-",
		fixed(1.005, 1):               "1.0",
		fixed(math.Inf(1), 1):         "-",
		ms(10 * time.Millisecond):     "10 ms",
		perTask(nil).String():         "-",
		perTask{"send": 0.1}.String(): "0.10 + 0.00 + 0.00 + 0.00",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	tab := &table{header: []string{"figure", "core", "naïve"}}
	tab.add("tasks/s", "12,000", "800")
	tab.add("µs")
	want := strings.Join([]string{
		"| figure  |   core | naïve |",
		"|---------|-------:|------:|",
		"| tasks/s | 12,000 |   800 |",
		"| µs      |        |       |",
		"",
	}, "\n")
	if got := tab.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	got, err := benchMarks.replace("a\n"+benchMarks.begin+"\nold\n"+benchMarks.end+"\nb\n", "new\n")
	if want := "a\n" + benchMarks.begin + "\n\nnew\n\n" + benchMarks.end + "\nb\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	again, err := benchMarks.replace(got, "new\n")
	if err != nil || again != got {
		t.Errorf("a second time gave %q, %v", again, err)
	}
	for _, text := range []string{"", benchMarks.begin, benchMarks.end, benchMarks.end + benchMarks.begin} {
		if _, err := benchMarks.replace(text, "new"); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestParseMemory(t *testing.T) {
	t.Parallel()
	got := parseMemory("Name:\tbench\nVmPeak:\t 99 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t5\n")
	if want := (memory{Now: 1 << 20, Peak: 2 << 20}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := parseMemory(""); got != (memory{}) {
		t.Errorf("of nothing = %+v", got)
	}
}

// run of a candidate in one setting, with a few figures.
func sample(candidate string, delay time.Duration, concurrency int, perSecond float64, cpu time.Duration, sends int) throughput {
	requests := map[string]int{"send": sends}
	return throughput{
		Candidate: candidate, Delay: delay, Concurrency: concurrency, N: 1000,
		Enqueue: stage{PerSecond: perSecond, CPU: cpu, Requests: requests},
		Work:    stage{PerSecond: perSecond / 2, CPU: cpu, Requests: map[string]int{"receive": 100, "delete": 100, "other": 1}},
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	r := &results{}
	for _, v := range []float64{3000, 1000, 2000} { // three repetitions
		r.Throughput = append(r.Throughput, sample("core", 0, 16, v, time.Duration(v)*time.Millisecond, int(v)/10))
	}
	f := summary{r}.throughput("core", 0, 16)
	if f.enqueued != 2000 || f.worked != 1000 {
		t.Errorf("rates %v, %v", f.enqueued, f.worked)
	}
	if f.cpu != 40 { // 2 x 2 s for 1,000 tasks
		t.Errorf("cpu %v, want 40 s for 10,000 tasks", f.cpu)
	}
	p := perTask{"send": 0.1, "receive": 0.2, "delete": 0.3, "visibility": 0.565, "other": 1e-3}
	for range 100 {
		if a, b := p.total(), p.total(); a != b {
			t.Fatalf("the same total is %v and %v", a, b)
		}
	}
	if got := f.requests.total(); math.Abs(got-(0.2+0.1+0.1+0.001)) > 1e-9 {
		t.Errorf("requests %v", got)
	}
	none := summary{r}.throughput("naive", 0, 16)
	if !math.IsNaN(none.enqueued) || !math.IsNaN(none.requests.total()) || !math.IsNaN(none.requests.of("send")) {
		t.Errorf("of what was not measured: %+v", none)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	p := fullPlan()
	r := &results{Setting: setting{Plan: p}, Bulk: []float64{60_000}, Durable: []float64{4_000}, Executor: []executor{{NsPerOp: 5001, AllocsPerOp: 25}}}
	for _, delay := range p.Delays {
		for _, n := range p.Concurrency {
			r.Throughput = append(r.Throughput,
				sample("core", delay, n, 4000, 13*time.Second, 100), sample("naive", delay, n, 1000, 60*time.Second, 1000), sample("tuned", delay, n, 4400, 10*time.Second, 100))
		}
		for _, rate := range p.Rates {
			for name, d := range map[string]time.Duration{"core": 12, "naive": 10} {
				r.Latency = append(r.Latency, latency{Candidate: name, Delay: delay, Rate: rate, N: 1, Requests: map[string]int{"send": 1}, Latencies: []time.Duration{d * time.Millisecond}})
			}
		}
	}
	r.Idle = []idle{{Candidate: "core", Duration: time.Minute, Requests: 3, Memory: memory{Now: 65 << 20}}}
	for i, workers := range p.Workers {
		r.Scaling = append(r.Scaling, scaling{Workers: workers, Concurrency: p.WorkerSlots, PerSecond: []float64{100, 190, 300}[i]})
	}
	met := map[string]bool{}
	for _, g := range (summary{r}).targets() {
		if _, twice := met[g.figure]; twice {
			t.Errorf("target %q is there twice", g.figure)
		}
		met[g.figure] = g.met()
	}
	for figure, want := range map[string]bool{
		"requests a task, 0 ms, 256 callers":                          true,
		"enqueued against naive, 0 ms, 256 callers":                   true, // 4.0 exactly
		"worked against tuned, 10 ms, 16 at once":                     false,
		"client CPU against tuned, 0 ms, 256 at once":                 true, // 1.3 exactly
		"latency p99 against naive, 10 ms, 500 tasks/s":               false,
		"idle worker, requests a queue in 20 s":                       true,
		"executor, µs a task":                                         false,
		"executor, allocations a task":                                true,
		"worker with 1,000 idle slots, MiB resident":                  false,
		"DelayMany in memory and in process, jobs/s":                  true,
		"durable emulator, socket, batches of ten, messages/s":        false,
		"2 workers against one":                                       true,
		"4 workers against one":                                       false,
		"requests a task, growth with load at its steepest, 10 ms":    true,
		"- its send requests a task":                                  true,
		"enqueued against naive, 10 ms, 16 callers":                   true,
		"client CPU against tuned, 10 ms, 16 at once":                 true,
		"latency p50 against naive, 0 ms, 50 tasks/s":                 false,
		"requests a task, growth with load at its steepest, 0 ms":     true,
		"requests a task, 10 ms, 256 callers":                         true,
		"enqueued against naive, 10 ms, 256 callers":                  true,
		"worked against tuned, 0 ms, 256 at once":                     false,
		"latency p50 against naive, 10 ms, 50 tasks/s":                false,
		"a target that does not exist, to be found missing by a typo": false,
	} {
		if got := met[figure]; got != want {
			t.Errorf("%s: met is %v, want %v", figure, got, want)
		}
	}
	for _, g := range (summary{&results{}}).targets() {
		if g.met() {
			t.Errorf("%s holds although nothing was measured", g.figure)
		}
	}
	if text := targetTable((summary{r}).targets()).String(); !strings.Contains(text, "at least 50,000 |   60,000 |   yes |") {
		t.Errorf("the table lacks a line:\n%s", text)
	}
}
