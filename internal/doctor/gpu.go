package doctor

import (
	"fmt"
	"os"

	"livedub/internal/gpu"
)

// driver is the line that installs NVIDIA's driver on this distribution.
func driver() string {
	if b, err := os.ReadFile("/etc/os-release"); err == nil && field(string(b), "ID") == "ubuntu" {
		return "sudo ubuntu-drivers install"
	}
	return apt("nvidia-driver") // of Debian's section non-free
}

// devices has a row for each GPU, or one that says why there is none.
func devices(r gpu.Report) []Check {
	if r.Absent != "" {
		return []Check{{Name: "gpu (nvml)", Kind: "device", Detail: r.Absent, Install: driver()}}
	}
	version := "driver " + r.Driver
	if r.CUDA != "" {
		version += ", CUDA " + r.CUDA
	}
	var rows []Check
	for _, d := range r.Devices {
		row := Check{Name: fmt.Sprintf("gpu %d (nvml)", d.Index), Kind: "device", Version: version, Available: d.Error == "", Detail: d.String()}
		if !row.Available {
			row.Install = "sudo nvidia-smi --gpu-reset, or restart the machine"
		}
		rows = append(rows, row)
	}
	return rows
}
