package doctor

import (
	"fmt"
	"os"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// driver is the line that installs NVIDIA's driver on this distribution.
func driver() string {
	if b, err := os.ReadFile("/etc/os-release"); err == nil && field(string(b), "ID") == "ubuntu" {
		return "sudo ubuntu-drivers install"
	}
	return apt("nvidia-driver") // of Debian's section non-free
}

// devices has a row for each GPU, or one that says why there is none.
//
// NVML without a driver kills the process at any call after a failed Init, so
// nothing is called unless Init succeeded.
func devices() []Check {
	none := Check{Name: "gpu (nvml)", Kind: "device", Install: driver()}
	if ret := nvml.Init(); ret != nvml.SUCCESS {
		none.Detail = "no NVIDIA GPU with a driver: NVML says error " + fmt.Sprint(int(ret))
		if ret == nvml.ERROR_LIBRARY_NOT_FOUND {
			none.Detail = "no NVIDIA driver: libnvidia-ml.so.1 is not there"
		}
		return []Check{none}
	}
	defer nvml.Shutdown()
	n, ret := nvml.DeviceGetCount()
	if ret != nvml.SUCCESS || n == 0 {
		none.Detail = "the NVIDIA driver sees no GPU"
		return []Check{none}
	}
	version, _ := nvml.SystemGetDriverVersion()
	var rows []Check
	for i := range n {
		row := Check{Name: fmt.Sprintf("gpu %d (nvml)", i), Kind: "device", Version: "driver " + version}
		d, ret := nvml.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			row.Detail, row.Install = nvml.ErrorString(ret), driver()
			rows = append(rows, row)
			continue
		}
		row.Available = true
		row.Detail, _ = d.GetName()
		if m, ret := d.GetMemoryInfo(); ret == nvml.SUCCESS {
			row.Detail += fmt.Sprintf(", %d of %d MiB free", m.Free>>20, m.Total>>20)
		}
		rows = append(rows, row)
	}
	return rows
}
