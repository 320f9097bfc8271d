package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/httpapi"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
)

// DefaultAPIAddr is where the HTTP API listens.
const DefaultAPIAddr = "127.0.0.1:8000"

// tokenVar holds the API's bearer token. It is no flag, which other users of the machine could see.
const tokenVar = "CORE_API_TOKEN"

// checkToken refuses one that no client could send. It is not shown.
func checkToken() error {
	if strings.ContainsFunc(os.Getenv(tokenVar), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return usagef("%s is invalid: use printable ASCII without spaces, which a header can carry", tokenVar)
	}
	return nil
}

func (p *program) runCommand() *cobra.Command {
	var (
		addr   string
		health healthFlags
	)
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Serve the HTTP API: enqueue, follow and cancel jobs",
		Long: `Serve the HTTP API: enqueue, follow and cancel jobs.

GET /openapi.json describes it. With a token in CORE_API_TOKEN, requests need it as a bearer token; without one only clients
on this machine are served.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkToken(); err != nil {
				return err
			}
			if os.Getenv(tokenVar) == "" && checkLoopback(addr, false) != nil {
				return usagef("--addr %s is not loopback: set %s to the token that clients must send", addr, tokenVar)
			}
			api, err := p.api(cmd.Context())
			if err != nil {
				return err
			}
			cfg, err := p.awsConfig(cmd.Context())
			if err != nil {
				return err
			}
			site := apiSite{queues: api, events: schedules.NewAPI(cfg), addr: addr}
			if ages := newAges(cfg, api); ages != nil {
				site.ages = ages
			}
			return p.hint(p.withAnyStore(cmd.Context(), func(store results.Store) error {
				site.store = store
				return health.serve(cmd.Context(), func(ctx context.Context) error {
					return p.serveAPI(ctx, site, func(ctx context.Context) error {
						p.say("serving the HTTP API on http://%s", addr)
						<-ctx.Done()
						return nil
					})
				})
			}))
		},
	}
	textVar(cmd.Flags(), &addr, "addr", DefaultAPIAddr, address(DefaultAPIAddr), "address of the HTTP API")
	health.add(cmd.Flags())
	return cmd
}

// An apiSite is where the HTTP API is served, and on what.
type apiSite struct {
	queues sqsqueue.API
	events schedules.API
	ages   httpapi.Ages  // nil: not known
	store  results.Store // nil: none
	addr   string
	pages  bool // the program's own are served as well
}

// serveAPI serves the HTTP API while do runs; do should return when its context ends, which it also does when the server
// fails.
func (p *program) serveAPI(ctx context.Context, site apiSite, do func(context.Context) error) (err error) {
	logger, store, addr := p.logger(), site.store, site.addr
	later, err := p.later(site.events)
	if err != nil {
		return err
	}
	store = p.forgetful(store, later)
	client, err := sqsqueue.New(site.queues, p.queueConfig(later))
	if err != nil {
		return &usageError{err: err}
	}
	api, err := httpapi.New(httpapi.Config{
		Registry: p.registry, Sender: client, Store: store, Token: os.Getenv(tokenVar), Logger: logger,
		Queues: func(ctx context.Context) ([]sqsqueue.Depth, error) { return sqsqueue.Depths(ctx, client, p.registry) },
		Ages:   site.ages,
		Ready:  func(ctx context.Context) error { return p.ready(ctx, client, store) },
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return explainListen(err, addr, "--addr")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := api.Server(addr)
	if site.pages && p.web != nil && store != nil {
		server.Handler = beside(api.Handler(), p.web(Web{Queue: results.Track(client, store, logger), Store: store, API: api}))
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("serve the HTTP API: %w", err))
		}
	}()
	err = do(ctx)
	closing, cancelClosing := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelClosing()
	if server.Shutdown(closing) != nil {
		_ = server.Close() // a client that does not hang up must not keep the program
	}
	<-served
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return errors.Join(err, client.Close(closing))
}

// beside serves the routes of the API, and everything else from the program's own pages.
func beside(api, pages http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, route := range []string{"/tasks/", "/jobs", "/jobs/", "/queues", "/healthz", "/readyz", "/metrics", "/openapi.json"} {
		mux.Handle(route, api)
	}
	mux.Handle("/", pages)
	return mux
}

// ready reports what the API needs and can't reach.
func (p *program) ready(ctx context.Context, client *sqsqueue.Client, store results.Store) error {
	var errs []error
	for _, spec := range p.registry.Queues() {
		if err := client.Ping(ctx, spec.Name); err != nil {
			errs = append(errs, err)
		}
	}
	if store != nil {
		errs = append(errs, store.Ping(ctx))
	}
	return errors.Join(errs...)
}

// recorder makes the recorder of a worker on a store, which may be nil.
func (p *program) recorder(store results.Store, logger *slog.Logger) *results.Recorder {
	if store == nil {
		return nil
	}
	return results.NewRecorder(store, results.Config{FinalOnly: p.settings.finalOnly, Logger: logger})
}
