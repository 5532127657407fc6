from tawsil.simulation.rehearsal.trial import main

main()
