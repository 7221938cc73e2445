# Plays Vitis HLS, `vitis-run --mode hls --tcl SCRIPT`, and Vivado HLS, `vivado_hls -f SCRIPT OPTIONS`.
source [file join [file dirname [info script]] common.tcl]

proc open_project {args} { entering open_project; set ::project [parse open_project {-reset 0} $args]; file mkdir $::project }
proc set_top {name} { set ::top $name }
proc add_files {args} { must_exist [parse add_files {-cflags 1 -tb 0} $args] }
proc open_solution {args} { set ::solution [file join $::project [parse open_solution {-reset 0} $args]] }
proc config_array_partition {args} { parse config_array_partition {-maximum_size 1} $args }
proc config_compile {args} { parse config_compile {-name_max_length 1} $args }
proc config_schedule {args} {}
proc set_part {part} { set ::part $part }
proc create_clock {args} { parse create_clock {-period 1 -name 1} $args }
proc set_clock_uncertainty {args} {}
proc csim_design {args} { entering csim_design }
proc csynth_design {args} {
    entering csynth_design
    leave csynth.xml [file join $::solution syn report ${::top}_csynth.xml]
}
proc cosim_design {args} {
    entering cosim_design
    parse cosim_design {-trace_level 1 -setup 0} $args
    set folder [file join $::solution sim verilog]
    file mkdir $folder
    set file [open [file join $folder $::top.tcl] w]; puts $file "log_wave -r /"; close $file
    set file [open [file join $folder run_sim.tcl] w]
    puts $file [list leave cosim.rpt [file join [pwd] $::solution sim report ${::top}_cosim.rpt]]
    close $file
}
proc export_design {args} { entering export_design; parse export_design {-format 1 -version 1} $args }

if {[lindex $argv 0] eq "-f"} {
    set script [lindex $argv 1]
    set argv [lrange $argv 2 end]
} else {
    if {[lrange $argv 0 2] ne {--mode hls --tcl}} { fail "how is vitis-run called?" }
    set script [lindex $argv 3]
}
if {[catch {source $script} message]} { fail $message }
