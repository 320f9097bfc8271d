package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// print writes a command's data to standard output: as JSON, or as text by the given function.
func (p *program) print(data any, text func(io.Writer) error) error {
	if p.settings.output == "json" {
		enc := json.NewEncoder(p.jsonTo(p.stdout))
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(data)
	}
	return text(p.stdout)
}

// jsonTo is one of the program's writers, for JSON.
func (p *program) jsonTo(w io.Writer) io.Writer { return plain{w: beneath(w), json: true} }

// table writes rows in aligned columns, each cell on one line.
func table(w io.Writer, header string, rows ...[]any) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(tw, header); err != nil {
		return err
	}
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				if _, err := fmt.Fprint(tw, "\t"); err != nil {
					return err
				}
			}
			if err := printf(tw, "%v", cell); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(tw); err != nil {
			return err
		}
	}
	return tw.Flush()
}

// field is one line of what is known of one thing.
type field struct {
	name  string
	value any
	show  bool
}

// fields writes those that are to be shown, a line each.
func fields(w io.Writer, all ...field) error {
	for _, f := range all {
		if !f.show {
			continue
		}
		if err := printf(w, "%-9s %v\n", f.name, f.value); err != nil {
			return err
		}
	}
	return nil
}
