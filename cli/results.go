package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/results/dynamostore"
)

// mendResults is the command that makes a store what it must be.
const mendResults = "core results apply"

// storeChange is what was done to a store.
type storeChange struct {
	Store string   `json:"store"`
	Done  []string `json:"done"`
}

func (p *program) resultsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "results",
		Short: "Create the store of job records",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return usagef("name one of: apply") },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "apply",
		Short: "Create or update what --results names: a DynamoDB table with its time to live, or a file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			change, err := p.applyStore(cmd.Context())
			if err != nil {
				return err
			}
			return p.print(change, func(w io.Writer) error {
				done := strings.Join(change.Done, ", ")
				if done == "" {
					done = "unchanged"
				}
				return table(w, "STORE\tACTION", []any{change.Store, done})
			})
		},
	})
	return cmd
}

// applyStore makes the store what it must be. Run again, it changes nothing.
func (p *program) applyStore(ctx context.Context) (storeChange, error) {
	change := storeChange{Store: p.resultsURL(), Done: []string{}}
	kind, where, err := p.storeKind()
	switch {
	case err != nil:
		return change, err
	case kind == storeNone:
		return change, errNoStore
	case kind == storeDynamoDB:
		cfg, err := p.awsConfig(ctx)
		if err != nil {
			return change, err
		}
		done, err := dynamostore.CreateTable(ctx, dynamostore.NewAPI(cfg), where)
		change.Done = append(change.Done, done...)
		return change, err
	}
	_, err = os.Stat(where)
	missing := errors.Is(err, fs.ErrNotExist)
	store, err := p.store(ctx)
	if err != nil {
		return change, err
	}
	if missing {
		change.Done = append(change.Done, "created the file")
	}
	return change, errors.Join(store.Ping(ctx), store.Close())
}

// examineStore looks at the store of job records. It makes none.
func (p *program) examineStore(ctx context.Context) finding {
	kind, where, err := p.storeKind()
	f := finding{Check: "results " + p.resultsURL()}
	switch {
	case err != nil:
		f.Check = "results"
	case kind == storeNone:
		return finding{Check: "results", OK: true, Detail: "no records of jobs are kept (--results)"}
	case kind == storeDynamoDB:
		f.OK, f.Detail, err = true, "the table answers, and its time to live is on", p.examineTable(ctx, where)
		if errors.Is(err, dynamostore.ErrNoTable) || errors.Is(err, dynamostore.ErrKeepsAll) {
			f.Mend = p.command(mendResults)
		}
	default:
		f.OK, f.Detail, err = true, "the file can be used", p.examineFile(ctx, where)
		if errors.Is(err, fs.ErrNotExist) {
			f.Detail, err = "there is no file yet; the first to use it makes it", nil
		}
	}
	if err != nil {
		f.OK, f.Detail = false, oneLine(err)
	}
	return f
}

func (p *program) examineTable(ctx context.Context, name string) error {
	cfg, err := p.awsConfig(ctx)
	if err != nil {
		return err
	}
	return dynamostore.CheckTable(ctx, dynamostore.NewAPI(cfg), name)
}

func (p *program) examineFile(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	store, err := p.store(ctx)
	if err != nil {
		return err
	}
	return errors.Join(store.Ping(ctx), store.Close())
}
