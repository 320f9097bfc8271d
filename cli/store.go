package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/dynamostore"
	"github.com/coretasks/core/results/sqlitestore"
)

// errNoStore says how to get records.
var errNoStore = errors.New("no results store: set --results (CORE_RESULTS) to sqlite://FILE or dynamodb://TABLE")

// resultsURL is the store that the flags ask for: locally a file beside the queues, elsewhere none unless it is said.
func (p *program) resultsURL() string {
	if p.settings.results == "" && p.settings.local {
		return "sqlite://" + filepath.Join(StateDir(), "jobs.db")
	}
	return p.settings.results
}

// The kinds of stores, as --results begins.
const (
	storeNone     = "none"
	storeSQLite   = "sqlite"
	storeDynamoDB = "dynamodb"
)

// tableName is what DynamoDB takes ("CreateTable" and others in the API reference).
var tableName = regexp.MustCompile(`^(arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/)?[A-Za-z0-9_.-]{3,255}$`)

// storeKind reads --results.
func (p *program) storeKind() (kind, where string, err error) {
	kind, where, found := strings.Cut(p.resultsURL(), "://")
	switch {
	case !found && (kind == "" || kind == storeNone):
		return storeNone, "", nil
	case kind == storeDynamoDB && where != "" && !tableName.MatchString(where):
		return "", "", usagef("%s %q is invalid: a table's name has 3 to 255 letters, digits, '_', '-' and '.', "+
			"or it is an ARN", p.named("results"), p.settings.results)
	case (kind == storeSQLite || kind == storeDynamoDB) && where != "":
		return kind, where, nil
	}
	return "", "", usagef("%s %q is invalid: use none, sqlite://FILE or dynamodb://TABLE",
		p.named("results"), p.settings.results)
}

// store opens the store of records that the flags ask for, or returns nil where they ask for none.
func (p *program) store(ctx context.Context) (results.Store, error) {
	kind, where, err := p.storeKind()
	switch {
	case err != nil:
		return nil, err
	case kind == storeNone:
		return nil, nil //nolint:nilnil // no store is a setting, not an error
	case kind == storeSQLite:
		if err := os.MkdirAll(filepath.Dir(where), 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of the results store: %w", err)
		}
		return sqlitestore.Open(where, sqlitestore.Options{Logger: p.logger()})
	default:
		cfg, err := p.awsConfig(ctx)
		if err != nil {
			return nil, err
		}
		return dynamostore.New(dynamostore.NewAPI(cfg), where, dynamostore.Options{}), nil
	}
}

// withStore calls do with the store, which must be there.
func (p *program) withStore(ctx context.Context, do func(results.Store) error) error {
	return p.withAnyStore(ctx, func(store results.Store) error {
		if store == nil {
			return errNoStore
		}
		return do(store)
	})
}

// withAnyStore calls do with the store, or with nil where the flags ask for none.
func (p *program) withAnyStore(ctx context.Context, do func(results.Store) error) error {
	store, err := p.store(ctx)
	if err != nil {
		return err
	}
	if store == nil {
		return do(nil)
	}
	return errors.Join(do(store), store.Close())
}
