// Command run is the experiments of package chaos: make chaos.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/coretasks/core/internal/chaos"
)

func main() {
	chaos.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("chaos", flag.ExitOnError)
	cfg := chaos.Config{}
	seeds := flags.Int("seeds", 5, "how many seeds, from --seed on")
	verbose := flags.Bool("v", false, "say what happens")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "first seed")
	flags.IntVar(&cfg.Jobs, "jobs", 20_500, "jobs a run")
	flags.IntVar(&cfg.Faults, "faults", 130, "faults a run")
	flags.DurationVar(&cfg.Duration, "duration", 150*time.Second, "how long the faults go on")
	flags.StringVar(&cfg.Endpoint, "endpoint", "", "host:port of an SQS that is not killed (default the emulator, which is)")
	flags.BoolVar(&cfg.Store, "store", true, "keep records of jobs")
	keep := flags.String("dir", "", "keep what the processes write, in this directory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *verbose {
		cfg.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	}
	broken := 0
	for range *seeds {
		l, err := one(ctx, cfg, *keep)
		if err != nil {
			return err
		}
		fmt.Println(l)
		broken += len(l.Violations)
		cfg.Seed++
	}
	if broken > 0 {
		return fmt.Errorf("%d promises were broken", broken)
	}
	return nil
}

// one is one run in a directory of its own.
func one(ctx context.Context, cfg chaos.Config, keep string) (*chaos.Ledger, error) {
	var err error
	if keep == "" {
		if cfg.Dir, err = os.MkdirTemp("", "chaos-"); err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(cfg.Dir) }() // in the system's own place for such things
	} else {
		cfg.Dir = filepath.Join(keep, fmt.Sprintf("seed-%d", cfg.Seed))
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			return nil, err
		}
	}
	return chaos.Run(ctx, cfg)
}
