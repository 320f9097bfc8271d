package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// pricePerMillion is what Amazon asks for a million requests to standard queues in US dollars, beyond the first million
// of a month ("Amazon SQS pricing", US East).
const pricePerMillion = 0.40

// render writes all tables.
func render(r *results) string {
	s := summary{r}
	parts := []string{
		s.preface(),
		"### All candidates\n\n" + s.comparison().String(),
		"### Requests and their price\n\n" + s.prices().String(),
		"### How core grows\n\n" + s.growth().String(),
		"### Core alone\n\n" + s.alone().String(),
		"### Targets\n\n" + targetTable(s.targets()).String(),
	}
	return strings.Join(parts, "\n")
}

func (s summary) preface() string {
	p := s.Setting.Plan
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s: %d cores, %s, %s. %s tasks a throughput run with %d bytes of parameters, medians of %d; %.0f minutes.\n\n",
		s.Setting.Began.Format("2006-01-02"), s.Setting.Cores, s.Setting.System, s.Setting.Go, whole(float64(p.N)), s.Setting.TaskSize, p.Repeats, s.Setting.Minutes)
	for _, name := range p.Candidates {
		if c, ok := findCandidate(name); ok {
			fmt.Fprintf(&b, "- **%s**: %s\n", c.name, c.about)
		}
	}
	return b.String()
}

// comparison has a line for each figure and a column for each candidate.
func (s summary) comparison() *table {
	p := s.Setting.Plan
	t := &table{header: append([]string{"figure"}, p.Candidates...)}
	row := func(name string, figure func(candidate string) string) {
		cells := []string{name}
		for _, c := range p.Candidates {
			cells = append(cells, figure(c))
		}
		t.add(cells...)
	}
	for _, delay := range p.Delays {
		for _, n := range p.Concurrency {
			at := fmt.Sprintf(", %s, %d at once", ms(delay), n)
			f := func(c string) figures { return s.throughput(c, delay, n) }
			row("tasks/s enqueued"+at, func(c string) string { return whole(f(c).enqueued) })
			row("tasks/s worked"+at, func(c string) string { return whole(f(c).worked) })
			row("requests a task"+at, func(c string) string { return fixed(f(c).requests.total(), 2) })
			row("- send + receive + delete + other", func(c string) string { return f(c).requests.String() })
			row("client CPU s/10,000 tasks"+at, func(c string) string { return fixed(f(c).cpu, 2) })
			row("peak MiB, enqueuer + worker"+at, func(c string) string {
				return fixed(f(c).enqueueMemory/(1<<20), 0) + " + " + fixed(f(c).workMemory/(1<<20), 0)
			})
		}
	}
	for _, delay := range p.Delays {
		for _, rate := range p.Rates {
			at := fmt.Sprintf(", %s, %.0f tasks/s", ms(delay), rate)
			row("latency ms p50/p95/p99"+at, func(c string) string {
				d := s.latency(c, delay, rate)
				return fixed(d.p50, 1) + " / " + fixed(d.p95, 1) + " / " + fixed(d.p99, 1)
			})
			row("requests a task"+at, func(c string) string { return fixed(s.latency(c, delay, rate).requests.total(), 2) })
		}
	}
	row("idle worker, requests in 20 s", func(c string) string {
		n, _ := s.idle(c)
		return fixed(n, 1)
	})
	row(fmt.Sprintf("MiB of an idle worker with %s slots", whole(float64(p.IdleSlots))), func(c string) string {
		_, resident := s.idle(c)
		return fixed(resident/(1<<20), 0)
	})
	return t
}

// String writes sends, receives, deletions and the rest.
func (p perTask) String() string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f + %.2f + %.2f + %.2f", p["send"], p["receive"], p["delete"], p["visibility"]+p["other"])
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + " ms" }

// prices are what the requests cost at Amazon, by how the tasks come.
func (s summary) prices() *table {
	p := s.Setting.Plan
	t := &table{header: append([]string{"US dollars in requests"}, p.Candidates...)}
	row := func(name string, tasks float64, requests func(candidate string) float64) {
		cells := []string{name}
		for _, c := range p.Candidates {
			cells = append(cells, fixed(requests(c)*tasks/1e6*pricePerMillion, 2))
		}
		t.add(cells...)
	}
	delay := p.Delays[len(p.Delays)-1]
	busiest := p.Concurrency[len(p.Concurrency)-1]
	idle := 30 * 24 * time.Hour.Seconds() / 20
	row("1 million tasks a month, in bursts", 1e6, func(c string) float64 { return s.throughput(c, delay, busiest).requests.total() })
	for _, rate := range p.Rates {
		row(fmt.Sprintf("1 million tasks a month, while %.0f come a second", rate), 1e6,
			func(c string) float64 { return s.latency(c, delay, rate).requests.total() })
	}
	row("1 billion tasks a month, in bursts", 1e9, func(c string) float64 { return s.throughput(c, delay, busiest).requests.total() })
	for _, rate := range p.Rates {
		row(fmt.Sprintf("1 billion tasks a month, while %.0f come a second", rate), 1e9,
			func(c string) float64 { return s.latency(c, delay, rate).requests.total() })
	}
	row("an idle worker for a month, each queue", 1, func(c string) float64 {
		n, _ := s.idle(c)
		return n * idle
	})
	return t
}

// growth shows core's workers on tasks that wait, by processes and by slots.
func (s summary) growth() *table {
	t := &table{header: []string{"workers x slots", "tasks/s", "of the ideal", "requests a task", "CPU s/10,000 tasks"}}
	for _, run := range s.Scaling {
		t.add(fmt.Sprintf("%d x %d", run.Workers, run.Concurrency), whole(run.PerSecond), fixed(100*run.PerSecond/run.ideal(), 0)+" %",
			fixed(float64(run.Requests)/float64(run.N), 2), fixed(run.CPU.Seconds()*10_000/float64(run.N), 2))
	}
	return t
}

// alone has the figures that only core has.
func (s summary) alone() *table {
	t := &table{header: []string{"figure", "core"}}
	t.add("executor, µs a task", fixed(s.executorTime(), 1))
	t.add("executor, allocations a task", fixed(s.executorAllocs(), 0))
	t.add(fmt.Sprintf("DelayMany of %s jobs, emulator in memory and in process, jobs/s", whole(float64(s.Setting.Plan.BulkN))), whole(median(s.Bulk)))
	t.add("durable emulator, its socket, batches of ten, messages/s sent, received and deleted", whole(median(s.Durable)))
	return t
}

func (s summary) executorTime() float64 {
	return medianOf(s.Executor, func(e executor) float64 { return e.NsPerOp / 1000 })
}

func (s summary) executorAllocs() float64 {
	return medianOf(s.Executor, func(e executor) float64 { return float64(e.AllocsPerOp) })
}
