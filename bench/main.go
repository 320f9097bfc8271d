// Command bench compares this toolkit with other ways to run background tasks on SQS, all in one run on the same
// endpoint, and prints tables in Markdown. Run it by make bench; it needs nothing but Go.
//
// The endpoint is the embedded emulator in a process of its own, behind a delay, and counts what it is asked for. Each
// candidate runs in a process of its own too: this program starts itself. Everything listens on loopback only, and ends
// with the process that measures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "endpoint":
			return runEndpoint(args[1:], stdin, stdout)
		case "candidate":
			return runCandidate(args[1:], stdin, stdout)
		case "core":
			return runCore(args[1:], stdin, stdout, stderr)
		case "api":
			return runAPI(ctx, args[1:], stdout, stderr)
		}
	}
	return compare(ctx, args, stdout, stderr)
}

// compare measures, or reads what was measured, and prints it.
func compare(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("rounds", 0, "how often each throughput is measured; the medians are shown (default 3)")
	quick := flags.Bool("quick", false, "a minute instead of twelve, with rough figures")
	names := flags.String("candidates", "", "which to measure, by commas: core, naive, tuned, gocloud, gocloud16 (default the first four)")
	save := flags.String("json", "", "write the raw results to this file")
	from := flags.String("from", "", "measure nothing, and print the results of this file")
	docs := flags.String("docs", "", "put the tables into this file, between its marks")
	profiles := flags.String("profile", "", "write profiles of core's processes into this folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	p := fullPlan()
	if *quick {
		p = quickPlan()
	}
	if *rounds > 0 {
		p.Repeats, p.LatencyRepeats = *rounds, min(*rounds, p.LatencyRepeats)
	}
	if *names != "" {
		p.Candidates = strings.Split(*names, ",")
	}
	for _, name := range p.Candidates {
		if _, ok := findCandidate(name); !ok {
			return fmt.Errorf("there is no candidate %q", name)
		}
	}
	r, err := measured(ctx, p, *from, *profiles, stderr)
	if err != nil {
		return err
	}
	if *save != "" {
		if err := r.save(*save); err != nil {
			return err
		}
	}
	text := render(r)
	if *docs != "" {
		if err := rewrite(*docs, benchMarks, text); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, text)
	return err
}

func measured(ctx context.Context, p plan, from, profiles string, progress io.Writer) (*results, error) {
	if from != "" {
		return load(from)
	}
	temp, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	if profiles != "" {
		if err := os.MkdirAll(profiles, 0o750); err != nil {
			return nil, err
		}
	}
	l := &lab{plan: p, progress: progress, profiles: profiles, temp: temp}
	if err := l.run(ctx); err != nil {
		return nil, err
	}
	return l.results, nil
}
