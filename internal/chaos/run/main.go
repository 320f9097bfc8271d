// Command run is the experiments of package chaos: make chaos.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
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
	flags.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: chaos [flags] [faults|shutdowns|recovery|malformed|soak]")
		flags.PrintDefaults()
	}
	cfg := chaos.Config{}
	seeds := flags.Int("seeds", 5, "how many seeds, from --seed on")
	verbose := flags.Bool("v", false, "say what happens")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "first seed")
	flags.IntVar(&cfg.Jobs, "jobs", 20_500, "jobs a run")
	flags.IntVar(&cfg.Faults, "faults", 130, "faults a run")
	flags.DurationVar(&cfg.Duration, "duration", 150*time.Second, "how long the faults, or the soak, go on")
	flags.StringVar(&cfg.Endpoint, "endpoint", "", "host:port of an SQS that is not killed (default the emulator, which is)")
	flags.BoolVar(&cfg.Store, "store", true, "keep records of jobs")
	flags.StringVar(&cfg.Dir, "dir", "", "keep what the processes write, in this directory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *verbose {
		cfg.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	}
	switch what := flags.Arg(0); what {
	case "", "faults":
		return faults(ctx, cfg, *seeds)
	case "shutdowns":
		return inDir(cfg, "shutdowns", func(cfg chaos.Config) error {
			l, err := chaos.CleanShutdowns(ctx, cfg)
			return report(l, err)
		})
	case "recovery":
		return inDir(cfg, "recovery", func(cfg chaos.Config) error { return recovery(ctx, cfg) })
	case "malformed":
		return malformed(ctx, cfg)
	case "soak":
		return inDir(cfg, "soak", func(cfg chaos.Config) error { return soak(ctx, cfg) })
	default:
		return fmt.Errorf("no experiment %q", what)
	}
}

// inDir does something with a directory of its own.
func inDir(cfg chaos.Config, name string, do func(chaos.Config) error) error {
	if cfg.Dir != "" {
		cfg.Dir = filepath.Join(cfg.Dir, name)
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			return err
		}
		return do(cfg)
	}
	var err error
	if cfg.Dir, err = os.MkdirTemp("", "chaos-"); err != nil {
		return err
	}
	return errors.Join(do(cfg), os.RemoveAll(cfg.Dir))
}

func faults(ctx context.Context, cfg chaos.Config, seeds int) error {
	var errs []error
	for range seeds {
		errs = append(errs, inDir(cfg, fmt.Sprintf("seed-%d", cfg.Seed), func(cfg chaos.Config) error {
			l, err := chaos.Run(ctx, cfg)
			return report(l, err)
		}))
		cfg.Seed++
	}
	return errors.Join(errs...)
}

func report(l *chaos.Ledger, err error) error {
	if err != nil {
		return err
	}
	fmt.Println(l)
	if n := len(l.Violations); n > 0 {
		return fmt.Errorf("seed %d: %d promises were broken", l.Config.Seed, n)
	}
	return nil
}

func recovery(ctx context.Context, cfg chaos.Config) error {
	took, err := chaos.Recovery(ctx, cfg, chaos.Visibility)
	if err != nil {
		return err
	}
	last, limit := took[len(took)-1], chaos.Visibility+5*time.Second
	fmt.Printf("%d jobs of a killed worker started in another one %v to %v after the kill; the visibility timeout is %v\n",
		len(took), took[0].Round(time.Millisecond), last.Round(time.Millisecond), chaos.Visibility)
	if last > limit {
		return fmt.Errorf("that is later than the visibility timeout and 5 s")
	}
	return nil
}

func malformed(ctx context.Context, cfg chaos.Config) error {
	// The same good jobs with and without malformed ones among them, in turn, since a machine has its moods.
	var without, with []time.Duration
	for i := range 3 {
		for _, bad := range []bool{false, true} {
			err := inDir(cfg, fmt.Sprintf("malformed-%d-%t", i, bad), func(cfg chaos.Config) error {
				took, err := chaos.Malformed(ctx, cfg, bad)
				if bad {
					with = append(with, took)
				} else {
					without = append(without, took)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	share := float64(slices.Min(without)) / float64(slices.Min(with)) * 100
	fmt.Printf("%d good jobs took %v alone and %v with %d malformed messages among them, which are all in the dead-letter queue: %.0f %% of the throughput (the best of 3 each: %v, %v)\n",
		cfg.Jobs-cfg.Jobs/10, slices.Min(without).Round(time.Millisecond), slices.Min(with).Round(time.Millisecond), cfg.Jobs/10, share, without, with)
	if share < 80 {
		return errors.New("that is less than 80 %")
	}
	return nil
}

// soakRate is how many jobs a second a soak sends.
const soakRate = 60

func soak(ctx context.Context, cfg chaos.Config) error {
	cfg.Jobs = int(cfg.Duration.Seconds() * soakRate)
	r, err := chaos.Soak(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Println(r)
	if grew := r.Grew(); len(grew) > 0 {
		return errors.New(strings.Join(grew, "; "))
	}
	if n := len(r.Ledger.Violations); n > 0 {
		return fmt.Errorf("%d promises were broken", n)
	}
	return nil
}
