package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/emulator"
)

// endpointFlags are those of the commands that serve the embedded queue.
type endpointFlags struct {
	allowRemote bool
	allowHosts  []string
	reserve     bool
}

func (f *endpointFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.allowRemote, "allow-remote", false, "let --local-addr be other than loopback; whoever reaches it can run tasks")
	cmd.Flags().StringSliceVar(&f.allowHosts, "allow-host", nil, "a name by which clients reach the embedded queue, besides localhost and addresses (repeatable)")
	cmd.Flags().BoolVar(&f.reserve, "reserve-names", false, "refuse the name of a deleted queue for 60 seconds, as SQS does")
}

func (p *program) localCommand() *cobra.Command {
	var (
		flags  endpointFlags
		health healthFlags
	)
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Serve only the embedded queue, for workers and clients of other processes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.serveLocal(cmd.Context(), flags, func(ctx context.Context, _ *emulator.Emulator) error {
				at := "http://" + p.settings.localAddr
				p.say("serving SQS and EventBridge Scheduler on %s, state in %s", at, StateDir())
				p.say("use it with --local, or from an AWS SDK or tool: AWS_ENDPOINT_URL_SQS=%s AWS_ENDPOINT_URL_SCHEDULER=%s", at, at)
				return health.serve(ctx, func(ctx context.Context) error {
					<-ctx.Done()
					return nil
				})
			})
		},
	}
	flags.add(cmd)
	health.add(cmd.Flags())
	return cmd
}

// say tells a person what goes on, on standard error.
func (p *program) say(format string, args ...any) {
	_ = printf(p.stderr, format+"\n", args...)
}

// serveLocal opens the embedded queue, serves it, and calls do. It returns when do has; do should when its context ends,
// which it also does when the server fails.
func (p *program) serveLocal(ctx context.Context, flags endpointFlags, do func(context.Context, *emulator.Emulator) error) (err error) {
	if err := checkLoopback(p.settings.localAddr, flags.allowRemote); err != nil {
		return err
	}
	dir := StateDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w; choose another with CORE_STATE_DIR", err)
	}
	cfg := emulator.Config{
		Path: filepath.Join(dir, "queues.db"), BaseURL: "http://" + p.settings.localAddr, Logger: p.logger(),
		AllowedHosts: flags.allowHosts, ReserveNames: flags.reserve,
	}
	em, err := emulator.Open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, em.Close()) }()
	listener, err := net.Listen("tcp", p.settings.localAddr)
	if err != nil {
		return explainListen(err, p.settings.localAddr, "--local-addr")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := &http.Server{Handler: em.Handler(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10, IdleTimeout: 2 * time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve the embedded queue: %w", err))
		}
	}()
	stopWaits := context.AfterFunc(ctx, em.EndWaits) // so that nothing waits for a long poll at the end
	defer stopWaits()
	err = do(ctx, em)
	closing, cancelClosing := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancelClosing()
	if server.Shutdown(closing) != nil {
		_ = server.Close() // a client that does not hang up must not keep the program
	}
	<-served
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func explainListen(err error, addr, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use, perhaps by another 'core dev'; stop that or choose another address with %s (%w)", addr, flag, err)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("may not listen on %s; choose a port above 1023 with %s (%w)", addr, flag, err)
	}
	return fmt.Errorf("listen on %s: %w", addr, err)
}

// checkLoopback refuses to serve the network by accident: the endpoint asks for no credentials.
func checkLoopback(addr string, allowRemote bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return usagef("address %q is invalid: %w", addr, err)
	}
	ip := net.ParseIP(host)
	if allowRemote || host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return usagef("%s is not loopback: whoever reaches it could run tasks; add --allow-remote if that is meant", addr)
}
