// Command core is the command line with the example tasks of examples/reports compiled in. A program of your own needs
// the same one line with its own registry.
package main

import (
	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/examples/reports"
)

func main() {
	cli.Main(reports.Registry(cli.StateDir()),
		cli.Example("reports.generate", `{"user_id":1,"report_type":"monthly"}`))
}
