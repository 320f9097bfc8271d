package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// defaultHealthAddr is where 'core health' asks.
const defaultHealthAddr = "127.0.0.1:8001"

// healthFlags are those of a long-running command that says whether it runs. It is for what restarts containers, so it
// says nothing about SQS: an outage there is no reason to restart a worker.
type healthFlags struct{ addr string }

func (f *healthFlags) add(flags *pflag.FlagSet) {
	textVar(flags, &f.addr, "health-addr", "", optional(address(defaultHealthAddr)),
		"answer 'core health' on this address, such as "+defaultHealthAddr+" (default: don't)")
}

// serve answers while do runs.
func (f *healthFlags) serve(ctx context.Context, do func(context.Context) error) error {
	if f.addr == "" {
		return do(ctx)
	}
	if err := checkLoopback(f.addr, false); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.addr)
	if err != nil {
		return explainListen(err, f.addr, "--health-addr")
	}
	server := &http.Server{
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }),
		ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // it ends when it is closed; were it to end before, 'core health' would tell
	}()
	err = do(ctx)
	_ = server.Close()
	<-served
	return err
}

func (p *program) healthCommand() *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a worker, scheduler or API of this machine whether it runs, for containers",
		Long: `Ask a worker, scheduler or API that was started with --health-addr whether it runs, and fail when it does not.

It is what a container's health check calls: an image with this program needs no other.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
			if err != nil {
				return usagef("%s %q is invalid: use host:port, such as %s (%w)",
					p.named("health-addr"), addr, defaultHealthAddr, err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return fmt.Errorf("nothing answers on %s: %w", addr, errors.Unwrap(err))
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s answers %s", addr, resp.Status)
			}
			p.say("%s answers", addr)
			return nil
		},
	}
	textVar(cmd.Flags(), &addr, "health-addr", defaultHealthAddr, address(defaultHealthAddr), "where to ask")
	return cmd
}
