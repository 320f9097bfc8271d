package test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

var update = flag.Bool("update", false, "write the tables of the modules' READMEs anew")

// TestReadmes keeps the tables of inputs and outputs in each module's README true.
func TestReadmes(t *testing.T) {
	t.Parallel()
	modules, err := filepath.Glob("../terraform/modules/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(modules, "../terraform") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(dir, "README.md")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			const begin, end = "<!-- inputs and outputs -->\n", "<!-- end -->\n"
			before, rest, found := strings.Cut(string(text), begin)
			_, after, closed := strings.Cut(rest, end)
			if !found || !closed {
				t.Fatalf("%s has no place for its tables: %q and %q", file, begin, end)
			}
			want := before + begin + tables(t, dir) + end + after
			if *update {
				if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want != string(text) {
				t.Errorf("the tables of %s are not those of its variables and outputs: go -C infra/test test -run TestReadmes . -update", file)
			}
		})
	}
}

// tables are the inputs and outputs of a module.
func tables(t *testing.T, dir string) string {
	t.Helper()
	var inputs, outputs strings.Builder
	for _, b := range blocks(t, filepath.Join(dir, "variables.tf")) {
		standard := "required"
		if d, ok := b.Body.Attributes["default"]; ok {
			standard = code(t, dir, "variables.tf", d.Expr.Range())
		}
		kind := strings.Trim(code(t, dir, "variables.tf", b.Body.Attributes["type"].Expr.Range()), "`")
		if short, _, long := strings.Cut(kind, "({"); long { // its members are in the file
			kind = short
		}
		fmt.Fprintf(&inputs, "| `%s` | %s | %s | %s |\n", b.Labels[0], kind, standard, description(t, b))
	}
	for _, b := range blocks(t, filepath.Join(dir, "outputs.tf")) {
		fmt.Fprintf(&outputs, "| `%s` | %s |\n", b.Labels[0], description(t, b))
	}
	return "\n| input | type | default | |\n|---|---|---|---|\n" + inputs.String() + "\n| output | |\n|---|---|\n" + outputs.String() + "\n"
}

func blocks(t *testing.T, file string) hclsyntax.Blocks {
	t.Helper()
	f, diagnostics := hclparse.NewParser().ParseHCLFile(file)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	return f.Body.(*hclsyntax.Body).Blocks
}

func description(t *testing.T, b *hclsyntax.Block) string {
	t.Helper()
	attribute, ok := b.Body.Attributes["description"]
	if !ok {
		t.Fatalf("%s has no description", b.Labels[0])
	}
	value, diagnostics := attribute.Expr.Value(nil)
	if diagnostics.HasErrors() || value.Type() != cty.String {
		t.Fatalf("the description of %s: %v", b.Labels[0], diagnostics)
	}
	return value.AsString()
}

// code is a place of a file, as it stands there.
func code(t *testing.T, dir, file string, at hcl.Range) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return "`" + string(at.SliceBytes(text)) + "`"
}
