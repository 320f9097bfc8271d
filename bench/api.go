package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// The API's targets, and what its measurements are made of.
const (
	leastPosts     = 2000 // a second
	mostSends      = 0.15 // requests to SQS a POST
	mostStreamsMiB = 200

	defaultPosts   = 20_000
	defaultStreams = 1000
)

// apiPlan says what is measured.
type apiPlan struct {
	posts       int
	connections []int
	streams     int
	profiles    string // a folder, or ""
}

// apiResults is all that was measured.
type apiResults struct {
	plan    apiPlan
	began   time.Time
	posts   []postResult
	streams []streamResult
}

// runAPI is the mode "api": how the HTTP API of core run behaves under load. The endpoint keeps its queues in a file, as
// core local does; endpoint, core run and, where jobs are worked, core worker are processes of their own, and this one makes
// the load.
func runAPI(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench api", flag.ContinueOnError)
	flags.SetOutput(stderr)
	p := apiPlan{connections: []int{64, 256}}
	flags.IntVar(&p.posts, "posts", defaultPosts, "requests of each measurement of POST /tasks/{name}")
	flags.IntVar(&p.streams, "streams", defaultStreams, "event streams at one time")
	flags.StringVar(&p.profiles, "profile", "", "write CPU profiles of the servers into this folder")
	docs := flags.String("docs", "", "put the table into this file, between its marks")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if p.posts < 1 || p.streams < 1 {
		return fmt.Errorf("--posts and --streams must be 1 or more")
	}
	r, err := measureAPI(ctx, p, stderr)
	if err != nil {
		return err
	}
	text := r.render()
	if *docs != "" {
		if err := rewrite(*docs, apiMarks, text); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, text)
	return err
}

func measureAPI(ctx context.Context, p apiPlan, progress io.Writer) (apiResults, error) {
	r := apiResults{plan: p, began: time.Now().UTC()}
	if p.profiles != "" {
		if err := os.MkdirAll(p.profiles, 0o750); err != nil {
			return r, err
		}
	}
	for _, store := range []string{storeNone, storeSQLite} {
		for _, n := range p.connections {
			_, _ = fmt.Fprintf(progress, "POST, %d connections, results: %s\n", n, store)
			one, err := measurePosts(ctx, p, n, store)
			if err != nil {
				return r, err
			}
			r.posts = append(r.posts, one)
		}
	}
	for _, jobs := range []int{p.streams, 1} {
		_, _ = fmt.Fprintf(progress, "%d event streams of %d jobs\n", p.streams, jobs)
		one, err := measureStreams(ctx, p, jobs)
		if err != nil {
			return r, err
		}
		r.streams = append(r.streams, one)
	}
	return r, nil
}

func (r apiResults) render() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s: %d cores, %s/%s, %s; %s requests each.\n\n", r.began.Format("2006-01-02"), runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), whole(float64(r.plan.posts)))
	t := &table{header: []string{"POST /tasks/{name}", "requests/s", "p50/p95/p99 ms", "SQS requests a POST", "server CPU s/10,000", "peak MiB", "targets"}}
	for _, p := range r.posts {
		t.add(fmt.Sprintf("%d connections, results: %s", p.connections, p.store), whole(p.perSecond()),
			fmt.Sprintf("%s / %s / %s", millis(percentile(p.latencies, 50)), millis(percentile(p.latencies, 95)), millis(percentile(p.latencies, 99))),
			fixed(p.sends(), 3), fixed(p.cpu.Seconds()*10_000/float64(len(p.latencies)), 1), mib(p.peak),
			holds(p.perSecond() >= leastPosts && p.sends() <= mostSends))
	}
	b.WriteString(t.String())
	b.WriteString("\n")
	t = &table{header: []string{"GET /jobs/{id}/events", "peak MiB", "end seen, p50/p99/last ms", "events a stream", "target"}}
	for _, s := range r.streams {
		t.add(fmt.Sprintf("%s streams, %s", whole(float64(s.streams)), jobsWord(s.jobs)), mib(s.peak),
			fmt.Sprintf("%s / %s / %s", millis(percentile(s.late, 50)), millis(percentile(s.late, 99)), millis(percentile(s.late, 100))),
			fixed(float64(s.events)/float64(s.streams), 1), holds(s.peak <= mostStreamsMiB<<20))
	}
	b.WriteString(t.String())
	return b.String()
}

func millis(d time.Duration) string { return fixed(d.Seconds()*1000, 1) }

func mib(bytes int64) string { return fixed(float64(bytes)/(1<<20), 0) }

func holds(yes bool) string {
	if yes {
		return "held"
	}
	return "missed"
}

func jobsWord(n int) string {
	if n == 1 {
		return "all of one job"
	}
	return "each of its own job"
}
